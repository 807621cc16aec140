/** Creates an exam as a draft. Its questions, students and rules follow on the setup page. */

import type { JSX } from "preact";
import { go } from "@veritas/shared/route.ts";
import { toast } from "@veritas/shared/ui/index.ts";
import type { ExamView } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { EXAM_FORM } from "../../texts/setup.ts";
import { NAVIGATION } from "../../texts/shell.ts";
import { Page } from "../../ui/page.tsx";
import { ExamForm } from "./exam-form.tsx";
import { type ExamFields, NEW_EXAM } from "./fields.ts";

export function NewExamPage(): JSX.Element {
  const create = async (fields: ExamFields): Promise<void> => {
    const exam = await api.post<ExamView>("/exams", fields);
    toast(EXAM_FORM.created(exam.title), "good");
    go(`/console/exams/${exam.exam_id}/setup/questions`);
  };
  return (
    <Page title={EXAM_FORM.newTitle} parents={[["/console/exams", NAVIGATION.exams]]}>
      <div class="v-card c-form-card">
        <ExamForm start={NEW_EXAM} isNew submit={EXAM_FORM.create} onSubmit={create} />
      </div>
    </Page>
  );
}
