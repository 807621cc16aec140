/** All attempts of one exam, the way into grading. */

import type { JSX } from "preact";
import { Button, Empty, Spinner } from "@veritas/shared/ui.tsx";
import { useLoad, usePages } from "../load.ts";
import { AttemptTable } from "../parts/attempt-table.tsx";
import { ExamNav } from "../parts/exam-nav.tsx";
import { Failed, Page } from "../parts/page.tsx";
import type { AttemptSummary, ExamView } from "../rest.ts";
import { count } from "../text/format.ts";

export function AttemptsPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const list = usePages<AttemptSummary>(`/teacher/exams/${examId}/attempts`, { limit: 100 });
  return (
    <Page title={exam?.title ?? "Attempts"} above={[["/console/exams", "Exams"]]}>
      <ExamNav examId={examId} at="attempts" may={exam?.permissions ?? null} />
      {list.error !== null && <Failed error={list.error} onRetry={list.reload} />}
      {list.items.length > 0 && (
        <AttemptTable caption={`${count(list.items.length, "attempt")}${list.more === null ? "" : " so far"}`} attempts={list.items} by="student" />
      )}
      {list.loading && <Spinner label="Fetching attempts…" />}
      {!list.loading && list.error === null && list.items.length === 0 && (
        <div class="v-card">
          <Empty title="Nobody has started yet" />
        </div>
      )}
      {list.more !== null && !list.loading && (
        <div>
          <Button onClick={list.more}>Show more</Button>
        </div>
      )}
    </Page>
  );
}
