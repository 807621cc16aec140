/** Exams of the overview with one heading; nothing without exams. */

import type { JSX } from "preact";
import { Badge } from "@veritas/shared/ui/index.ts";
import { count } from "../format/numbers.ts";
import type { DashboardExam } from "../rest/types.ts";
import { EXAMS, OVERVIEW } from "../texts/overview.ts";

interface ExamSectionProps {
  title: string;
  exams: readonly DashboardExam[];
}

export function ExamSection({ title, exams }: ExamSectionProps): JSX.Element | null {
  if (exams.length === 0) return null;
  return (
    <section class="v-stack-s" aria-label={title}>
      <h2>{title}</h2>
      <ul class="c-list v-card v-card-flush">
        {exams.map((exam) => (
          <ExamLine key={exam.exam_id} exam={exam} />
        ))}
      </ul>
    </section>
  );
}

function ExamLine({ exam }: { exam: DashboardExam }): JSX.Element {
  const address = `/console/exams/${exam.exam_id}`;
  const about = [exam.subject, count(exam.roster_size, "student"), count(exam.attempts, "attempt")];
  return (
    <li class="c-list-line">
      <div class="v-grow">
        <a class="c-list-link" href={address}>
          <bdi>{exam.title}</bdi>
        </a>
        <div class="v-soft v-small">{about.filter(Boolean).join(" · ")}</div>
      </div>
      <div class="v-row-s">
        {exam.running > 0 && (
          <Badge tone="good" icon="online">
            {EXAMS.inProgress(exam.running)}
          </Badge>
        )}
        {exam.awaiting_review > 0 && (
          <a class="v-badge" data-tone="warning" href={`${address}/flags`}>
            {OVERVIEW.flagsToReview(count(exam.awaiting_review, "flag"))}
          </a>
        )}
        {exam.awaiting_grade > 0 && (
          <a class="v-badge" data-tone="info" href={`${address}/attempts`}>
            {OVERVIEW.attemptsToGrade(exam.awaiting_grade)}
          </a>
        )}
        {exam.kind === "practice" && <Badge tone="info">{EXAMS.practice}</Badge>}
        {!exam.is_published && <Badge>{EXAMS.draft}</Badge>}
      </div>
    </li>
  );
}
