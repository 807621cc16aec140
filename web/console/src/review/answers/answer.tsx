/** One answer beside its answer key, with fields for points and a comment. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Field } from "@veritas/shared/ui/index.ts";
import { points } from "../../format/numbers.ts";
import type { GradedItem } from "../../rest/types.ts";
import { GRADING } from "../../texts/attempts.ts";
import { LateAnswer } from "./late-answer.tsx";
import { type GivenPoints, answerText, keyText, pointsError, storedPoints } from "./points.ts";

interface AnswerProps {
  item: GradedItem;
  /** From 1. */
  place: number;
  /** What the teacher typed; null before that. */
  given: GivenPoints | null;
  onGive: (given: GivenPoints) => void;
}

export function Answer({ item, place, given, onGive }: AnswerProps): JSX.Element {
  return (
    <li class="v-card v-stack">
      <div class="v-spread">
        <h2 class="c-h3">
          {GRADING.question(place)} <span class="v-soft v-mono">{item.item}</span>
        </h2>
        <div class="v-row-s">
          {item.late !== null && <Badge tone="warning">{GRADING.lateBadge}</Badge>}
          <GivenBy item={item} />
        </div>
      </div>
      <p class="c-prompt" dir="auto">
        {item.prompt}
      </p>
      <dl class="c-answer">
        <div>
          <dt>{GRADING.answer}</dt>
          <dd>
            <AnswerText item={item} />
          </dd>
        </div>
        {item.answer_key !== null && (
          <div>
            <dt>{GRADING.key}</dt>
            <dd dir="auto">{keyText(item.answer_key)}</dd>
          </div>
        )}
      </dl>
      {item.late !== null && <LateAnswer item={item} late={item.late} given={given} onGive={onGive} />}
      <PointsFields item={item} given={given} onGive={onGive} />
    </li>
  );
}

function GivenBy({ item: { given, points: max } }: { item: GradedItem }): JSX.Element {
  if (given === null) return <Badge tone="info">{GRADING.openAnswer}</Badge>;
  const by = given.by === "key" ? GRADING.answerKey : given.by;
  return <bdi class="v-small v-soft">{GRADING.givenBy(points(given.points), points(max), by)}</bdi>;
}

function AnswerText({ item: { answer } }: { item: GradedItem }): JSX.Element {
  if (answer === null) return <span class="v-soft">{GRADING.noAnswer}</span>;
  return (
    <>
      <span class="c-text" dir="auto">
        {answerText(answer.value)}
      </span>
      <div class="v-small v-soft v-number">{GRADING.revision(answer.revision, formatDateTime(answer.saved_at))}</div>
    </>
  );
}

function PointsFields({ item, given, onGive }: Omit<AnswerProps, "place">): JSX.Element {
  const shown = given ?? storedPoints(item);
  const error = given === null ? null : pointsError(given.points, item.points);
  return (
    <div class="c-form-row c-grade">
      <Field label={GRADING.points(points(item.points))} error={error}>
        {(control) => (
          <input
            {...control}
            type="number"
            min={0}
            max={item.points}
            step="any"
            value={shown.points}
            onInput={(event) => onGive({ ...shown, points: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={GRADING.comment}>
        {(control) => (
          <input
            {...control}
            dir="auto"
            maxLength={2000}
            value={shown.comment}
            onInput={(event) => onGive({ ...shown, comment: event.currentTarget.value })}
          />
        )}
      </Field>
    </div>
  );
}
