/** One flag: what it says, its decision, and its evidence on request. A reviewer decides here. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { formatTime } from "@veritas/shared/time.ts";
import { Severity } from "@veritas/shared/ui/index.ts";
import type { FlagRow } from "../../board/frames.ts";
import { ruleText } from "../../format/names.ts";
import type { FlagView } from "../../rest/types.ts";
import { FLAG } from "../../texts/flags.ts";
import { DecisionBadge } from "../../ui/values/badges.tsx";
import { DecisionForm } from "./decision-form.tsx";
import type { Decide } from "./decisions.ts";
import { Evidence, LoadedEvidence } from "./evidence.tsx";

/** The fields of a flag that the board and REST have in common. */
export type AnyFlag = Pick<
  FlagRow,
  "flag_id" | "source" | "rule" | "severity" | "confidence" | "summary" | "status" | "raised_at"
> & { rule_name?: string; reviewed_by?: string | null; reason?: string | null };

interface FlagCardProps {
  flag: AnyFlag;
  /** The whole flag, if it is loaded; else it is fetched when the evidence is opened. */
  full?: FlagView;
  /** Null if the user may not decide. */
  decide: Decide | null;
  /** Shown above the flag in a list of several students. */
  student?: JSX.Element;
  /** Level of the heading. */
  level?: 2 | 3;
}

export function FlagCard({ flag, full, decide, student, level = 2 }: FlagCardProps): JSX.Element {
  const id = useId();
  const Heading = level === 2 ? "h2" : "h3";
  const source = FLAG.sources[flag.source];
  return (
    <article class="c-flag" data-severity={flag.severity} data-status={flag.status} aria-labelledby={`${id}-name`}>
      {student}
      <div class="v-spread">
        <div class="v-row-s">
          <Severity of={flag.severity} />
          <Heading id={`${id}-name`} class="c-h3">
            {ruleText(flag.rule, flag.rule_name)}
          </Heading>
        </div>
        <span class="v-soft v-small v-number">{formatTime(flag.raised_at)}</span>
      </div>
      <p>{flag.summary}</p>
      {source !== undefined && <p class="v-small v-soft">{source}</p>}
      <div class="v-row-s">
        <DecisionBadge status={flag.status} />
        {flag.reviewed_by && (
          <span class="v-small v-soft">
            <bdi>{FLAG.by(flag.reviewed_by)}</bdi>
            {flag.reason ? `: “${flag.reason}”` : ""}
          </span>
        )}
      </div>
      {decide !== null && <DecisionForm flag={flag} decide={decide} />}
      <EvidenceToggle id={`${id}-evidence`} flag={flag} full={full} />
    </article>
  );
}

interface EvidenceToggleProps {
  id: string;
  flag: AnyFlag;
  full: FlagView | undefined;
}

function EvidenceToggle({ id, flag, full }: EvidenceToggleProps): JSX.Element {
  const isOpen = useSignal(false);
  return (
    <div>
      <button
        type="button"
        class="c-disclose"
        aria-expanded={isOpen.value}
        aria-controls={id}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        {isOpen.value ? FLAG.hideEvidence : FLAG.showEvidence}
      </button>
      {isOpen.value && (
        <div id={id} class="c-evidence">
          {full === undefined ? (
            <LoadedEvidence flagId={flag.flag_id} status={flag.status} />
          ) : (
            <Evidence flag={full} />
          )}
        </div>
      )}
    </div>
  );
}
