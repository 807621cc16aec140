/** The answers of an attempt with their answer keys, and the points that a teacher gives. The grade is final only on request. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Badge, Button, toast } from "@veritas/shared/ui/index.ts";
import { count, percent, points } from "../../format/numbers.ts";
import { type Action, useAction } from "../../rest/action.ts";
import { useLoad } from "../../rest/load.ts";
import type { GradedAnswers } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { GRADING } from "../../texts/attempts.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Answer } from "./answer.tsx";
import type { GivenPoints } from "./points.ts";

export function Grading({ attemptId, onGraded }: { attemptId: string; onGraded: () => void }): JSX.Element {
  const loading = useLoad<GradedAnswers>(`/teacher/attempts/${attemptId}/answers`);
  const onSaved = (answers: GradedAnswers): void => {
    loading.put(answers);
    onGraded();
  };
  return (
    <Loaded from={loading} what={GRADING.what}>
      {(answers) => <GradingForm attemptId={attemptId} answers={answers} onSaved={onSaved} />}
    </Loaded>
  );
}

interface GradingFormProps {
  attemptId: string;
  answers: GradedAnswers;
  onSaved: (answers: GradedAnswers) => void;
}

function GradingForm({ attemptId, answers, onSaved }: GradingFormProps): JSX.Element {
  const given = useSignal<ReadonlyMap<string, GivenPoints>>(new Map());
  const action = useAction();
  const toGrade = answers.items.filter((item) => item.given === null && !given.value.has(item.item)).length;
  const save = (final: boolean): Promise<void> =>
    action.run(async () => {
      const grades = [...given.value].map(([item, { points: value, comment }]) => ({
        item,
        points: Number(value),
        comment,
      }));
      const saved = await api.post<GradedAnswers>(`/teacher/attempts/${attemptId}/grade`, { grades, final });
      given.value = new Map();
      toast(final ? GRADING.savedFinal : GRADING.saved, "good");
      onSaved(saved);
    });
  return (
    <div class="v-stack">
      <div class="v-card v-spread">
        <Total answers={answers} toGrade={toGrade} />
        <SaveButtons
          answers={answers}
          action={action}
          canSave={given.value.size > 0}
          canFinish={toGrade === 0}
          onSave={(final) => void save(final)}
        />
      </div>
      <ErrorNotice text={action.failed.value} />
      <ol class="c-questions">
        {answers.items.map((item, at) => (
          <Answer
            key={item.item}
            item={item}
            place={at + 1}
            given={given.value.get(item.item) ?? null}
            onGive={(entry) => (given.value = new Map(given.value).set(item.item, entry))}
          />
        ))}
      </ol>
    </div>
  );
}

function Total({ answers, toGrade }: { answers: GradedAnswers; toGrade: number }): JSX.Element {
  const { score, percentage, passed, grade_final: isFinal } = answers;
  const state = isFinal
    ? GRADING.finalWord
    : toGrade > 0
      ? GRADING.toGrade(count(toGrade, "answer"))
      : GRADING.notFinal;
  return (
    <div class="v-stack-s">
      <span class="v-tile-value">
        {score === null ? COMMON.none : points(score)}{" "}
        <span class="v-soft">{GRADING.outOf(points(answers.max_score))}</span>
      </span>
      <span class="v-small v-soft">
        {percentage !== null && `${percent(percentage / 100)} · `}
        {passed !== null && (passed ? GRADING.passed : GRADING.notPassed)}
        {state}
      </span>
    </div>
  );
}

interface SaveButtonsProps {
  answers: GradedAnswers;
  action: Action;
  canSave: boolean;
  canFinish: boolean;
  onSave: (final: boolean) => void;
}

function SaveButtons({ answers, action, canSave, canFinish, onSave }: SaveButtonsProps): JSX.Element {
  const busy = action.busy.value;
  return (
    <div class="v-row-s">
      <Button busy={busy} disabled={!canSave} onClick={() => onSave(false)}>
        {GRADING.save}
      </Button>
      {answers.grade_final ? (
        <Badge tone="good" icon="check">
          {GRADING.final}
        </Badge>
      ) : (
        <Button variant="primary" busy={busy} disabled={!canFinish} onClick={() => onSave(true)}>
          {GRADING.saveFinal}
        </Button>
      )}
    </div>
  );
}
