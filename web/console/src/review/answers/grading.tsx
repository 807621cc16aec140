/** The answers of an attempt with their answer keys, and the points that a teacher gives. The grade is final only on request. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Badge, Button, Notice, toast } from "@veritas/shared/ui/index.ts";
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
import { type GivenPoints, gradesOf, otherGrader, withoutSent } from "./points.ts";

export function Grading({ attemptId, onGraded }: { attemptId: string; onGraded: () => void }): JSX.Element {
  const loading = useLoad<GradedAnswers>(`/teacher/attempts/${attemptId}/answers`);
  const onSaved = (answers: GradedAnswers): void => {
    loading.put(answers);
    onGraded();
  };
  return (
    <Loaded from={loading} what={GRADING.what}>
      {(answers) => <GradingForm attemptId={attemptId} answers={answers} onSaved={onSaved} onReload={loading.reload} />}
    </Loaded>
  );
}

interface GradingFormProps {
  attemptId: string;
  answers: GradedAnswers;
  onSaved: (answers: GradedAnswers) => void;
  /** Fetch the answers again; what was typed stays. */
  onReload: () => void;
}

function GradingForm({ attemptId, answers, onSaved, onReload }: GradingFormProps): JSX.Element {
  const given = useSignal<ReadonlyMap<string, GivenPoints>>(new Map());
  const conflictWith = useSignal<string | null>(null);
  const action = useAction();
  const toGrade = answers.items.filter((item) => item.given === null && !given.value.has(item.item)).length;
  const save = (final: boolean): Promise<void> =>
    action.run(async () => {
      conflictWith.value = null;
      const sent = given.value;
      const body = { grades: gradesOf(sent, answers.items), final };
      try {
        const saved = await api.post<GradedAnswers>(`/teacher/attempts/${attemptId}/grade`, body);
        given.value = withoutSent(given.value, sent);
        toast(final ? GRADING.savedFinal : GRADING.saved, "good");
        onSaved(saved);
      } catch (error) {
        conflictWith.value = otherGrader(error);
        if (conflictWith.value === null) throw error;
      }
    });
  const reload = (): void => {
    conflictWith.value = null;
    onReload();
  };
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
      {conflictWith.value !== null && <Conflict by={conflictWith.value} onReload={reload} />}
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

/** Another grader was first: nothing is saved, and nothing typed is lost. */
function Conflict({ by, onReload }: { by: string; onReload: () => void }): JSX.Element {
  return (
    <Notice tone="warning" role="alert">
      <div class="v-spread">
        <span dir="auto">{GRADING.conflict(by)}</span>
        <Button size="small" onClick={onReload}>
          {GRADING.showNew}
        </Button>
      </div>
    </Notice>
  );
}

function Total({ answers, toGrade }: { answers: GradedAnswers; toGrade: number }): JSX.Element {
  const { score, percentage, passed, grade_final: isFinal } = answers;
  const late = answers.items.filter((item) => item.late !== null).length;
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
      {late > 0 && <span class="v-small">{GRADING.lateAnswers(count(late, "answer"))}</span>}
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
