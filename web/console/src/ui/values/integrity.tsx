/** An integrity score with the share of the attempt that it covers. It never shows a bare number. */

import type { JSX } from "preact";
import { Meter, type Tone } from "@veritas/shared/ui/index.ts";
import { type IntegrityLevel, integrityLevel, integrityText } from "../../format/names.ts";
import { percent } from "../../format/numbers.ts";
import { INTEGRITY } from "../../texts/words.ts";

const TONES: Readonly<Record<IntegrityLevel, Tone>> = {
  good: "good",
  warning: "warning",
  critical: "critical",
  unknown: "neutral",
};

/** Coverage comes in tenths: from here on the attempt counts as fully covered. */
const FULL_COVERAGE = 0.95;

interface IntegrityProps {
  score: number | null;
  coverage?: number | null;
  /** `full` names the level; `table` leaves it out; `tile` also leaves out a full coverage. */
  form?: "full" | "table" | "tile";
}

export function Integrity({ score, coverage = null, form = "full" }: IntegrityProps): JSX.Element {
  const parts: string[] = [];
  if (form === "tile" && score !== null) parts.push(INTEGRITY.short);
  if (score !== null && coverage !== null && !(form === "tile" && coverage >= FULL_COVERAGE)) {
    parts.push(INTEGRITY.covered(percent(coverage)));
  }
  return (
    <span class="c-integrity">
      <Meter
        value={score}
        label={INTEGRITY.name}
        tone={TONES[integrityLevel(score)]}
        text={scoreText(score, coverage, form === "full")}
      />
      {parts.length > 0 && <span class="v-soft v-small v-number v-truncate">{parts.join(", ")}</span>}
    </span>
  );
}

function scoreText(score: number | null, coverage: number | null, withLevel: boolean): string {
  if (score === null) return coverage === null ? integrityText(null) : INTEGRITY.onlyCovered(percent(coverage));
  return withLevel ? `${percent(score)} · ${integrityText(score)}` : percent(score);
}
