/** The evidence of a flag: its numbers, the events it cites, how it can be wrong, and earlier decisions. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatDateTime, formatTime } from "@veritas/shared/time.ts";
import { Notice } from "@veritas/shared/ui/index.ts";
import { eventDetail, eventText } from "../../format/events.ts";
import { decisionText, numberName, numberValue, ruleText } from "../../format/names.ts";
import { percent } from "../../format/numbers.ts";
import { useLoad } from "../../rest/load.ts";
import type { FlagView } from "../../rest/types.ts";
import { FLAG } from "../../texts/flags.ts";
import { Figure } from "../../ui/values/figure.tsx";
import { Loaded } from "../../ui/loaded.tsx";

/** Fetches the flag, and again when its status changes. */
export function LoadedEvidence({ flagId, status }: { flagId: string; status: string }): JSX.Element {
  const loading = useLoad<FlagView>(`/teacher/flags/${flagId}`);
  const loadedStatus = useRef(status);
  useEffect(() => {
    if (loadedStatus.current !== status) loading.reload();
    loadedStatus.current = status;
  }, [status]);
  return (
    <Loaded from={loading} what={FLAG.what}>
      {(flag) => <Evidence flag={flag} />}
    </Loaded>
  );
}

export function Evidence({ flag }: { flag: FlagView }): JSX.Element {
  return (
    <div class="v-stack">
      <dl class="c-numbers">
        <Figure name={FLAG.confidence}>{percent(flag.confidence)}</Figure>
        {Object.entries(flag.numbers ?? {}).map(([name, value]) => (
          <Figure key={name} name={numberName(name)}>
            {numberValue(name, value)}
          </Figure>
        ))}
      </dl>
      <CitedEvents flag={flag} />
      {flag.false_alarms && (
        <Notice>
          <p class="v-strong">{FLAG.falseAlarms}</p>
          <p class="v-small">{flag.false_alarms}</p>
        </Notice>
      )}
      <Decisions flag={flag} />
      <p class="v-small v-soft">
        {versionText(flag)}. {FLAG.reviewerDecides}
      </p>
    </div>
  );
}

function CitedEvents({ flag }: { flag: FlagView }): JSX.Element | null {
  const events = flag.evidence?.events ?? [];
  const more = (flag.evidence?.cited?.length ?? 0) - events.length;
  if (events.length === 0) return null;
  return (
    <div class="v-stack-s">
      <p class="v-strong">{FLAG.cites}</p>
      <ol class="c-events">
        {events.map((event) => (
          <li key={`${event.stream_id}/${event.seq}`}>
            <span class="v-soft v-number">{formatTime(event.at)}</span>
            <span>
              {eventText(event.type)}
              <span class="v-soft"> {eventDetail(event.type, event.data)}</span>
            </span>
          </li>
        ))}
      </ol>
      {more > 0 && <p class="v-soft v-small">{FLAG.more(more)}</p>}
    </div>
  );
}

function Decisions({ flag }: { flag: FlagView }): JSX.Element | null {
  const reviews = flag.reviews ?? [];
  if (reviews.length === 0) return null;
  return (
    <div class="v-stack-s">
      <p class="v-strong">{FLAG.decisions}</p>
      <ol class="c-events">
        {reviews.map((review) => (
          <li key={review.at}>
            <span class="v-soft v-number">{formatDateTime(review.at)}</span>
            <span dir="auto">
              {FLAG.decision(review.by, decisionText(review.from), decisionText(review.to), review.reason)}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

function versionText({ rule, rule_version: version, policy_version: policy }: FlagView): string {
  const parts = [FLAG.rule(ruleText(rule))];
  if (version !== null && version !== undefined) parts.push(FLAG.ruleVersion(version));
  if (policy !== null && policy !== undefined) parts.push(FLAG.policyVersion(policy));
  return parts.join("");
}
