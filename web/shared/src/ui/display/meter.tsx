// A bar for a share between 0 and 1.
import type { JSX } from "preact";
import { texts } from "../../texts.ts";
import type { Tone } from "./badge.tsx";

interface MeterProps {
  /** 0 to 1, or null when it is not known. */
  value: number | null;
  label: string;
  tone?: Tone;
  /** The text beside the bar; by default a percentage. */
  text?: string;
}

export function Meter({ value, label, tone = "accent", text }: MeterProps): JSX.Element {
  if (value === null) return <span class="v-soft">{text ?? texts.notEnoughData}</span>;
  const share = Math.min(1, Math.max(0, value));
  const valueText = text ?? `${Math.round(share * 100)} %`;
  return (
    <span
      class="v-meter"
      data-tone={tone}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      aria-valuetext={valueText}
    >
      <span class="v-meter-track">
        <span class="v-meter-fill" style={{ width: `${share * 100}%` }} />
      </span>
      <span class="v-number v-small v-strong">{valueText}</span>
    </span>
  );
}
