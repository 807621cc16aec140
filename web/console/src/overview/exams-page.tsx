/** The user's exams and their states. */

import type { JSX } from "preact";
import { Empty } from "@veritas/shared/ui/index.ts";
import { count, duration } from "../format/numbers.ts";
import { usePages } from "../rest/load.ts";
import type { ExamView } from "../rest/types.ts";
import { EXAMS } from "../texts/overview.ts";
import { ExamState } from "../ui/values/exam-state.tsx";
import { Page } from "../ui/page.tsx";
import { PagedList } from "../ui/paged-list.tsx";
import { NewExamLink } from "./new-exam-link.tsx";

export function ExamsPage(): JSX.Element {
  const list = usePages<ExamView>("/exams");
  return (
    <Page title={EXAMS.title} actions={<NewExamLink isPrimary />}>
      <PagedList list={list} what={EXAMS.what} empty={<NoExams />}>
        <ul class="c-list v-card v-card-flush">
          {list.items.map((exam) => (
            <ExamLine key={exam.exam_id} exam={exam} />
          ))}
        </ul>
      </PagedList>
    </Page>
  );
}

function NoExams(): JSX.Element {
  return (
    <Empty title={EXAMS.empty}>
      <p>{EXAMS.emptyText}</p>
      <a class="v-button" data-variant="primary" href="/console/exams/new">
        {EXAMS.first}
      </a>
    </Empty>
  );
}

function ExamLine({ exam }: { exam: ExamView }): JSX.Element {
  const about = [exam.subject, duration(exam.duration_minutes), count(exam.roster_size, "student")];
  return (
    <li class="c-list-line">
      <div class="v-grow">
        <a class="c-list-link" href={`/console/exams/${exam.exam_id}`}>
          <bdi>{exam.title}</bdi>
        </a>
        <div class="v-soft v-small">{about.filter(Boolean).join(" · ")}</div>
      </div>
      <div class="v-row-s">
        <ExamState exam={exam} />
        <a class="v-button" data-variant="quiet" data-size="small" href={`/console/exams/${exam.exam_id}/setup`}>
          {EXAMS.setup}
          <span class="v-hidden">{EXAMS.setupOf(exam.title)}</span>
        </a>
      </div>
    </li>
  );
}
