/** One's exams, and how each stands. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Empty, Icon } from "@veritas/shared/ui/index.ts";
import { usePages } from "../rest/load.ts";
import { Listed } from "../ui/paged-list.tsx";
import { Page } from "../ui/page.tsx";
import type { ExamView } from "../rest/types.ts";
import { now } from "../state.ts";
import { count, length } from "../format/format.ts";

export function ExamsPage(): JSX.Element {
  const list = usePages<ExamView>("/exams");
  return (
    <Page
      title="Exams"
      actions={
        <a class="v-button" data-variant="primary" href="/console/exams/new">
          <Icon name="plus" /> New exam
        </a>
      }
    >
      <Listed
        list={list}
        what="exams"
        empty={
          <Empty title="No exams yet">
            <p>An exam you make, or that somebody lets you see, stands here.</p>
            <a class="v-button" data-variant="primary" href="/console/exams/new">
              Make the first one
            </a>
          </Empty>
        }
      >
        <ul class="c-list v-card v-card-flush">
          {list.items.map((exam) => (
            <ExamLine key={exam.exam_id} exam={exam} />
          ))}
        </ul>
      </Listed>
    </Page>
  );
}

function ExamLine({ exam }: { exam: ExamView }): JSX.Element {
  const facts = [exam.subject, length(exam.duration_minutes), count(exam.roster_size, "student")].filter(Boolean);
  return (
    <li class="c-list-line">
      <div class="v-grow">
        <a class="c-list-link" href={`/console/exams/${exam.exam_id}`}>
          {exam.title}
        </a>
        <div class="v-soft v-small">{facts.join(" · ")}</div>
      </div>
      <div class="v-row-s">
        <ExamState exam={exam} />
        <a class="v-button" data-variant="quiet" data-size="small" href={`/console/exams/${exam.exam_id}/setup`}>
          Setup<span class="v-hidden"> of {exam.title}</span>
        </a>
      </div>
    </li>
  );
}

export function ExamState({
  exam,
}: {
  exam: Pick<ExamView, "is_published" | "running_attempts" | "opens_at" | "closes_at">;
}): JSX.Element {
  if (exam.running_attempts > 0) {
    return (
      <Badge tone="good" icon="online">
        {exam.running_attempts} at work
      </Badge>
    );
  }
  if (!exam.is_published) return <Badge>Draft</Badge>;
  if (exam.opens_at !== null && exam.opens_at > now.value)
    return <Badge tone="info">Opens {formatDateTime(exam.opens_at)}</Badge>;
  if (exam.closes_at !== null && exam.closes_at <= now.value) return <Badge>Closed</Badge>;
  return <Badge tone="accent">Open</Badge>;
}
