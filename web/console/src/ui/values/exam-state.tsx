/** The state of an exam as badges: whether it is practice, and in progress, draft, opens later, closed or open. */

import type { JSX } from "preact";
import { formatMoment } from "@veritas/shared/time.ts";
import { Badge } from "@veritas/shared/ui/index.ts";
import type { ExamView } from "../../rest/types.ts";
import { now } from "../../state.ts";
import { EXAMS } from "../../texts/overview.ts";

type ExamStateProps = {
  exam: Pick<ExamView, "is_published" | "running_attempts" | "opens_at" | "closes_at" | "kind">;
};

export function ExamState({ exam }: ExamStateProps): JSX.Element {
  return (
    <>
      {exam.kind === "practice" && <Badge tone="info">{EXAMS.practice}</Badge>}
      <State exam={exam} />
    </>
  );
}

function State({ exam }: ExamStateProps): JSX.Element {
  if (exam.running_attempts > 0) {
    return (
      <Badge tone="good" icon="online">
        {EXAMS.inProgress(exam.running_attempts)}
      </Badge>
    );
  }
  if (!exam.is_published) return <Badge>{EXAMS.draft}</Badge>;
  if (exam.opens_at !== null && exam.opens_at > now.value) {
    return <Badge tone="info">{EXAMS.opens(formatMoment(exam.opens_at))}</Badge>;
  }
  if (exam.closes_at !== null && exam.closes_at <= now.value) return <Badge>{EXAMS.closed}</Badge>;
  return <Badge tone="accent">{EXAMS.open}</Badge>;
}
