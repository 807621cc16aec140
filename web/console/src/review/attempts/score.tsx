/** The points of an attempt, and whether they are enough to pass. */

import type { JSX } from "preact";
import { points } from "../../format/numbers.ts";
import type { AttemptSummary } from "../../rest/types.ts";
import { ATTEMPTS } from "../../texts/attempts.ts";

export function Score({ of }: { of: Pick<AttemptSummary, "score" | "max_score" | "passed"> }): JSX.Element {
  if (of.score === null) return <span class="v-soft">{ATTEMPTS.notGraded}</span>;
  return (
    <span class="v-number">
      {points(of.score)} {of.max_score !== null && <span class="v-soft">{ATTEMPTS.outOf(points(of.max_score))}</span>}
      {of.passed !== null && <span class="v-small"> · {of.passed ? ATTEMPTS.passed : ATTEMPTS.notPassed}</span>}
    </span>
  );
}
