/** The answers of an attempt beside their keys, and the points a person gives. Nothing is final before they say so. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Button, Field, Notice, toast } from "@veritas/shared/ui/index.ts";
import { useLoad } from "../../rest/load.ts";
import type { AnswerKey, GradedAnswers, GradedItem } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { count, percent, points } from "../../format/format.ts";
import { Shown } from "../../ui/page.tsx";

export function Grading({ attemptId, onGraded }: { attemptId: string; onGraded: () => void }): JSX.Element {
  const loading = useLoad<GradedAnswers>(`/teacher/attempts/${attemptId}/answers`);
  return (
    <Shown of={loading} label="Fetching the answers…">
      {(answers) => (
        <Sheet
          attemptId={attemptId}
          answers={answers}
          onGraded={(now) => {
            loading.put(now);
            onGraded();
          }}
        />
      )}
    </Shown>
  );
}

interface Given {
  points: string;
  comment: string;
}

function Sheet({
  attemptId,
  answers,
  onGraded,
}: {
  attemptId: string;
  answers: GradedAnswers;
  onGraded: (answers: GradedAnswers) => void;
}): JSX.Element {
  const given = useSignal<ReadonlyMap<string, Given>>(new Map());
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const open = answers.items.filter((item) => item.given === null && !given.value.has(item.item));
  const save = async (final: boolean): Promise<void> => {
    busy.value = true;
    failed.value = null;
    try {
      const grades = [...given.value].map(([item, one]) => ({
        item,
        points: Number(one.points),
        comment: one.comment,
      }));
      const now = await api.post<GradedAnswers>(`/teacher/attempts/${attemptId}/grade`, { grades, final });
      given.value = new Map();
      toast(final ? "The grade is final." : "Points saved.", "good");
      onGraded(now);
    } catch (error) {
      failed.value = errorText(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="v-stack">
      <div class="v-card v-spread">
        <div class="v-stack-s">
          <span class="v-tile-value">
            {answers.score === null ? "–" : points(answers.score)}{" "}
            <span class="v-soft">of {points(answers.max_score)}</span>
          </span>
          <span class="v-small v-soft">
            {answers.percentage !== null && `${percent(answers.percentage / 100)} · `}
            {answers.passed === null ? "" : answers.passed ? "passed · " : "not passed · "}
            {answers.grade_final
              ? "final"
              : open.length > 0
                ? `${count(open.length, "answer")} to grade`
                : "not final yet"}
          </span>
        </div>
        <div class="v-row-s">
          <Button busy={busy.value} disabled={given.value.size === 0} onClick={() => void save(false)}>
            Save the points
          </Button>
          {!answers.grade_final && (
            <Button variant="primary" busy={busy.value} disabled={open.length > 0} onClick={() => void save(true)}>
              Save and make final
            </Button>
          )}
          {answers.grade_final && (
            <Badge tone="good" icon="check">
              Final
            </Badge>
          )}
        </div>
      </div>
      {failed.value !== null && (
        <Notice tone="critical" role="alert">
          {failed.value}
        </Notice>
      )}
      <ol class="c-questions">
        {answers.items.map((item, at) => (
          <Answer
            key={item.item}
            item={item}
            place={at + 1}
            given={given.value.get(item.item) ?? null}
            onGive={(one) => (given.value = new Map(given.value).set(item.item, one))}
          />
        ))}
      </ol>
    </div>
  );
}

function Answer({
  item,
  place,
  given,
  onGive,
}: {
  item: GradedItem;
  place: number;
  given: Given | null;
  onGive: (given: Given) => void;
}): JSX.Element {
  const now: Given = given ?? {
    points: item.given === null ? "" : String(item.given.points),
    comment: item.given?.comment ?? "",
  };
  const value = Number(now.points);
  const wrong =
    given !== null && (now.points === "" || !(value >= 0) || value > item.points)
      ? `0 to ${points(item.points)}`
      : null;
  return (
    <li class="v-card v-stack">
      <div class="v-spread">
        <h2 class="c-h3">
          Question {place} <span class="v-soft v-mono">{item.item}</span>
        </h2>
        {item.given === null ? (
          <Badge tone="info">to grade</Badge>
        ) : (
          <span class="v-small v-soft">
            {points(item.given.points)} of {points(item.points)}, by{" "}
            {item.given.by === "key" ? "the key" : item.given.by}
          </span>
        )}
      </div>
      <p class="c-prompt">{item.prompt}</p>
      <dl class="c-answer">
        <div>
          <dt>Answered</dt>
          <dd>
            {item.answer === null ? (
              <span class="v-soft">nothing</span>
            ) : (
              <span class="c-text">{valueText(item.answer.value)}</span>
            )}
            {item.answer !== null && (
              <div class="v-small v-soft v-number">
                revision {item.answer.revision}, saved {formatDateTime(item.answer.saved_at)}
              </div>
            )}
          </dd>
        </div>
        {item.answer_key !== null && (
          <div>
            <dt>Key</dt>
            <dd>{keyText(item.answer_key)}</dd>
          </div>
        )}
      </dl>
      <div class="c-form-row c-grade">
        <Field label={`Points, up to ${points(item.points)}`} error={wrong}>
          {(control) => (
            <input
              {...control}
              type="number"
              min={0}
              max={item.points}
              step="any"
              value={now.points}
              onInput={(event) => onGive({ ...now, points: event.currentTarget.value })}
            />
          )}
        </Field>
        <Field label="Comment to the student">
          {(control) => (
            <input
              {...control}
              maxLength={2000}
              value={now.comment}
              onInput={(event) => onGive({ ...now, comment: event.currentTarget.value })}
            />
          )}
        </Field>
      </div>
    </li>
  );
}

export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function keyText(key: AnswerKey): string {
  if (key === null) return "";
  if (typeof key === "string") return key;
  if (Array.isArray(key)) return key.join(", ");
  return key.tolerance === 0 ? String(key.value) : `${key.value} ± ${key.tolerance}`;
}
