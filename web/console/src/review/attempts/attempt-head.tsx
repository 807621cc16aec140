/** Below the heading of an attempt: status, what is to do, times, score and integrity. */

import type { JSX } from "preact";
import { formatDateTime, formatSpan } from "@veritas/shared/time.ts";
import { Badge } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import type { AttemptSummary } from "../../rest/types.ts";
import { ATTEMPT } from "../../texts/attempts.ts";
import { StatusBadge } from "../../ui/values/badges.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";
import { Score } from "./score.tsx";

export function AttemptHead({ attempt }: { attempt: AttemptSummary }): JSX.Element {
  const { started_at: started, completed_at: completed } = attempt;
  return (
    <div class="v-stack-s">
      <div class="v-row-s">
        <StatusBadge status={attempt.status} />
        {attempt.flagged && (
          <Badge tone="critical" icon="critical">
            {ATTEMPT.attention}
          </Badge>
        )}
        {attempt.open_flags > 0 && (
          <Badge tone="warning">{ATTEMPT.flagsToReview(count(attempt.open_flags, "flag"))}</Badge>
        )}
        <span class="v-soft v-small v-number">
          {started !== null && ATTEMPT.started(formatDateTime(started))}
          {started !== null && completed !== null && ATTEMPT.took(formatSpan(completed - started))}
        </span>
        <a class="v-small" href={`/console/students/${attempt.student_id}`}>
          {ATTEMPT.allExams}
        </a>
      </div>
      <div class="v-row-s">
        <Score of={attempt} />
        <Integrity score={attempt.integrity} coverage={attempt.coverage} />
      </div>
    </div>
  );
}
