/** The details of an exam that exists. */

import type { JSX } from "preact";
import { toast } from "@veritas/shared/ui/index.ts";
import type { ExamView } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { SETUP } from "../../texts/setup.ts";
import { ExamForm } from "./exam-form.tsx";
import type { ExamFields } from "./fields.ts";

interface DetailsProps {
  exam: ExamView;
  readOnly: boolean;
  onSaved: (exam: ExamView) => void;
}

export function Details({ exam, readOnly, onSaved }: DetailsProps): JSX.Element {
  const save = async ({ preset: _, ...fields }: ExamFields): Promise<void> => {
    onSaved(await api.patch<ExamView>(`/exams/${exam.exam_id}`, { ...fields, version: exam.version }));
    toast(SETUP.saved, "good");
  };
  return (
    <div class="v-card c-form-card">
      <ExamForm
        key={exam.version}
        start={fieldsOf(exam)}
        isNew={false}
        readOnly={readOnly}
        submit={SETUP.save}
        onSubmit={save}
      />
    </div>
  );
}

function fieldsOf(exam: ExamView): ExamFields {
  const { title, subject, topic, description, duration_minutes, passing_score } = exam;
  const { opens_at, closes_at, enable_model, kind } = exam;
  return {
    title,
    subject,
    topic,
    description,
    duration_minutes,
    passing_score,
    opens_at,
    closes_at,
    enable_model,
    kind,
    preset: "browser",
  };
}
