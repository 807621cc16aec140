/** Small pieces that say one thing each in words, shape and colour: presence, status, integrity, a label, a decision. */

import type { JSX } from "preact";
import { Badge, Icon, type IconName, Meter, type Tone } from "@veritas/shared/ui/index.ts";
import { formatSpan } from "@veritas/shared/time.ts";
import type { PresenceWord } from "../room/board/rows.ts";
import { now } from "../state.ts";
import {
  decisionText,
  integrityText,
  integrityWord,
  labelMeaning,
  labelText,
  percent,
  statusText,
} from "../format/format.ts";

const PRESENCE: Readonly<Record<PresenceWord, { icon: IconName; word: string }>> = {
  here: { icon: "online", word: "Connected" },
  gone: { icon: "offline", word: "Offline" },
  never: { icon: "clock", word: "Not started" },
  over: { icon: "check", word: "Finished" },
  unknown: { icon: "clock", word: "Not known yet" },
};

export function Presence({ word, seenAt }: { word: PresenceWord; seenAt: number | null }): JSX.Element {
  const { icon, word: said } = PRESENCE[word];
  return (
    <span class="c-presence" data-presence={word}>
      <Icon name={icon} size={16} />
      <span>
        {said}
        {word === "gone" && seenAt !== null && <Since at={seenAt} />}
      </span>
    </span>
  );
}

/** For how long, by the second hand. */
function Since({ at }: { at: number }): JSX.Element {
  return <span class="v-soft v-number"> · {formatSpan(Math.max(0, now.value - at))}</span>;
}

const STATUS_TONE: Readonly<Record<string, Tone>> = {
  in_progress: "accent",
  reopened: "accent",
  paused: "info",
  submitted: "good",
  timed_out: "neutral",
  ended: "warning",
};

export function Status({ of }: { of: string | null }): JSX.Element {
  return <Badge tone={of === null ? "neutral" : (STATUS_TONE[of] ?? "neutral")}>{statusText(of)}</Badge>;
}

const INTEGRITY_TONE = { good: "good", warning: "warning", critical: "critical", unknown: "neutral" } as const;

export function integrityTone(score: number | null): Tone {
  return INTEGRITY_TONE[integrityWord(score)];
}

/** Observed as good as all the time: coverage comes in tenths. */
const WHOLE = 0.95;

/** Integrity with how much it rests on; never a bare number. */
export function Integrity({
  score,
  coverage,
  short,
  bare,
}: {
  score: number | null;
  coverage?: number | null;
  short?: boolean;
  bare?: boolean;
}): JSX.Element {
  // A tile says only what is not as it should be.
  const seen = coverage === null || coverage === undefined || (short && coverage >= WHOLE) ? null : percent(coverage);
  const said =
    score === null ? "not enough seen" : bare || short ? percent(score) : `${percent(score)} · ${integrityText(score)}`;
  const about = [
    short && !bare && score !== null ? "integrity" : null,
    seen === null ? null : `${seen} ${short || bare ? "seen" : "observed"}`,
  ];
  return (
    <span class="c-integrity">
      <Meter value={score} label="Integrity" tone={integrityTone(score)} text={said} />
      {about.some(Boolean) && (
        <span class="v-soft v-small v-number v-truncate">{about.filter(Boolean).join(", ")}</span>
      )}
    </span>
  );
}

const LABEL_TONE: Readonly<Record<string, Tone>> = {
  safe: "good",
  incapable: "warning",
  copy: "critical",
  no_interest: "warning",
};

export function Label({ of }: { of: string | null }): JSX.Element {
  if (of === null) return <span class="v-soft">–</span>;
  return (
    <span title={labelMeaning(of)}>
      <Badge tone={LABEL_TONE[of] ?? "neutral"}>{labelText(of)}</Badge>
    </span>
  );
}

const DECISION: Readonly<Record<string, { tone: Tone; icon: IconName }>> = {
  open: { tone: "info", icon: "eye" },
  confirmed: { tone: "critical", icon: "check" },
  dismissed: { tone: "good", icon: "close" },
  escalated: { tone: "warning", icon: "people" },
  withdrawn: { tone: "neutral", icon: "close" },
};

export function Decision({ of }: { of: string }): JSX.Element {
  const { tone, icon } = DECISION[of] ?? { tone: "neutral", icon: "normal" };
  return (
    <Badge tone={tone} icon={icon}>
      {decisionText(of)}
    </Badge>
  );
}
