/** The time until a student's deadline, counted down every second. */

import type { JSX } from "preact";
import { formatLeft } from "@veritas/shared/time.ts";
import { now } from "../../state.ts";
import { STUDENT_TABLE } from "../../texts/room.ts";

const SHORT_MS = 5 * 60_000;

export function TimeLeft({ deadline }: { deadline: number | null }): JSX.Element {
  if (deadline === null) return <span class="v-soft v-small">{STUDENT_TABLE.noDeadline}</span>;
  const left = deadline - now.value;
  return (
    <span class="c-left v-number" data-short={left < SHORT_MS ? "" : undefined}>
      {left <= 0 ? STUDENT_TABLE.timeOver : STUDENT_TABLE.timeLeft(formatLeft(left))}
    </span>
  );
}
