/** An answer that arrived after the end: how late, and what the answer key would give. Only a teacher gives points for it. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Button, Notice } from "@veritas/shared/ui/index.ts";
import { points } from "../../format/numbers.ts";
import type { GradedItem } from "../../rest/types.ts";
import { GRADING } from "../../texts/attempts.ts";
import { type GivenPoints, answerText, lateness, storedPoints } from "./points.ts";

interface LateAnswerProps {
  item: GradedItem;
  late: NonNullable<GradedItem["late"]>;
  given: GivenPoints | null;
  onGive: (given: GivenPoints) => void;
}

export function LateAnswer({ item, late, given, onGive }: LateAnswerProps): JSX.Element {
  const { points: byKey } = late;
  return (
    <Notice tone="warning">
      <div class="v-stack-s">
        <div>
          <span class="v-strong">{GRADING.late}</span> {GRADING.arrived(lateness(late.late_ms))}
        </div>
        <div class="c-text" dir="auto">
          {answerText(late.value)}
        </div>
        <div class="v-small v-soft v-number">{GRADING.revision(late.revision, formatDateTime(late.saved_at))}</div>
        <div class="v-spread">
          <span class="v-small">
            {GRADING.lateAbout} {byKey !== null && GRADING.lateByKey(points(byKey), points(item.points))}
          </span>
          {byKey !== null && byKey > 0 && (
            <Button size="small" onClick={() => onGive({ ...(given ?? storedPoints(item)), points: String(byKey) })}>
              {GRADING.giveByKey(points(byKey))}
            </Button>
          )}
        </div>
      </div>
    </Notice>
  );
}
