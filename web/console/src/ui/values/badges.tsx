/** Badges for the values of an attempt or a flag: status, label, decision. Each shows one value by word and color. */

import { own } from "@veritas/shared/lookup/own.ts";
import type { JSX } from "preact";

import { Badge, type IconName, type Tone } from "@veritas/shared/ui/index.ts";
import { decisionText, labelMeaning, labelText, statusText } from "../../format/names.ts";
import { COMMON } from "../../texts/shell.ts";

const STATUS_TONES: Readonly<Record<string, Tone>> = {
  in_progress: "accent",
  reopened: "accent",
  paused: "info",
  submitted: "good",
  timed_out: "neutral",
  ended: "warning",
};

export function StatusBadge({ status }: { status: string | null }): JSX.Element {
  return (
    <Badge tone={status === null ? "neutral" : (own(STATUS_TONES, status) ?? "neutral")}>{statusText(status)}</Badge>
  );
}

const LABEL_TONES: Readonly<Record<string, Tone>> = {
  safe: "good",
  incapable: "warning",
  copy: "critical",
  no_interest: "warning",
};

export function LabelBadge({ label }: { label: string | null }): JSX.Element {
  if (label === null) return <span class="v-soft">{COMMON.none}</span>;
  return (
    <span title={labelMeaning(label)}>
      <Badge tone={own(LABEL_TONES, label) ?? "neutral"}>{labelText(label)}</Badge>
    </span>
  );
}

const DECISION_LOOKS: Readonly<Record<string, { tone: Tone; icon: IconName }>> = {
  open: { tone: "info", icon: "eye" },
  confirmed: { tone: "critical", icon: "check" },
  dismissed: { tone: "good", icon: "close" },
  escalated: { tone: "warning", icon: "people" },
  withdrawn: { tone: "neutral", icon: "close" },
};

export function DecisionBadge({ status }: { status: string }): JSX.Element {
  const { tone, icon } = own(DECISION_LOOKS, status) ?? { tone: "neutral", icon: "normal" };
  return (
    <Badge tone={tone} icon={icon}>
      {decisionText(status)}
    </Badge>
  );
}
