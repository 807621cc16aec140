/** All attempts of one exam, the way into grading. */

import type { JSX } from "preact";
import { Empty } from "@veritas/shared/ui/index.ts";
import { useLoad, usePages } from "../../rest/load.ts";
import { AttemptTable } from "./attempt-table.tsx";
import { ExamNav } from "../../ui/exam-nav.tsx";
import { Listed } from "../../ui/paged-list.tsx";
import { Page } from "../../ui/page.tsx";
import type { AttemptSummary, ExamView } from "../../rest/types.ts";
import { count } from "../../format/format.ts";

export function AttemptsPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const list = usePages<AttemptSummary>(`/teacher/exams/${examId}/attempts`, { limit: 100 });
  return (
    <Page title={exam?.title ?? "Attempts"} above={[["/console/exams", "Exams"]]}>
      <ExamNav examId={examId} at="attempts" may={exam?.permissions ?? null} />
      <Listed list={list} what="attempts" empty={<Empty title="Nobody has started yet" />}>
        <AttemptTable
          caption={`${count(list.items.length, "attempt")}${list.more === null ? "" : " so far"}`}
          attempts={list.items}
          by="student"
        />
      </Listed>
    </Page>
  );
}
