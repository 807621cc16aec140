/** A new exam: its outline first; questions, roster and rules follow on its setup page. */

import type { JSX } from "preact";
import { go } from "@veritas/shared/route.ts";
import { toast } from "@veritas/shared/ui/index.ts";
import { ExamForm, type ExamFields } from "./exam-form.tsx";
import { Page } from "../../ui/page.tsx";
import type { ExamView } from "../../rest/types.ts";
import { api } from "../../state.ts";

const START: ExamFields = {
  title: "",
  subject: "",
  topic: "",
  description: "",
  duration_minutes: 60,
  passing_score: 0,
  opens_at: null,
  closes_at: null,
  enable_model: false,
  preset: "browser",
};

export function NewExamPage(): JSX.Element {
  const make = async (fields: ExamFields): Promise<void> => {
    const exam = await api.post<ExamView>("/exams", fields);
    toast(`“${exam.title}” is a draft now. Next: its questions.`, "good");
    go(`/console/exams/${exam.exam_id}/setup/questions`);
  };
  return (
    <Page title="New exam" above={[["/console/exams", "Exams"]]}>
      <div class="v-card c-form-card">
        <ExamForm start={START} isNew submit="Make it, as a draft" onSubmit={make} />
      </div>
    </Page>
  );
}
