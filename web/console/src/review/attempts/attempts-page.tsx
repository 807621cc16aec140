/** All attempts of one exam. Each links to its page, where it is graded. */

import type { JSX } from "preact";
import { Empty } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import { useLoad, usePages } from "../../rest/load.ts";
import type { AttemptSummary, ExamView } from "../../rest/types.ts";
import { ATTEMPTS } from "../../texts/attempts.ts";
import { NAVIGATION } from "../../texts/shell.ts";
import { ExamNav } from "../../ui/exam-nav.tsx";
import { Page } from "../../ui/page.tsx";
import { PagedList } from "../../ui/paged-list.tsx";
import { AttemptTable } from "./attempt-table.tsx";

export function AttemptsPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const list = usePages<AttemptSummary>(`/teacher/exams/${examId}/attempts`, { limit: 100 });
  const caption = `${count(list.items.length, "attempt")}${list.more === null ? "" : ATTEMPTS.soFar}`;
  return (
    <Page title={exam?.title ?? ATTEMPTS.title} parents={[["/console/exams", NAVIGATION.exams]]}>
      <ExamNav examId={examId} current="attempts" permissions={exam?.permissions ?? null} />
      <PagedList list={list} what={ATTEMPTS.what} empty={<Empty title={ATTEMPTS.empty} />}>
        <AttemptTable caption={caption} attempts={list.items} by="student" />
      </PagedList>
    </Page>
  );
}
