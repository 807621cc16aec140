// One exam of the list: its state, its dates, and the button for what the student can do now.
import { formatMoment, formatSpan } from "@veritas/shared/time.ts";
import { Badge, Button } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { toAttempt, toNotice } from "../router.ts";
import { listTexts as texts } from "../texts.ts";
import type { Enrolment } from "../types.ts";

export function ExamCard({ exam }: { exam: Enrolment }): JSX.Element {
  const { text, tone } = texts.states[exam.state];
  const details = [exam.subject, exam.topic, formatSpan(exam.duration_minutes * 60_000)];
  return (
    <li class="v-card x-exam">
      <div class="v-spread">
        <h2 dir="auto">{exam.title}</h2>
        <Badge tone={tone}>{text}</Badge>
      </div>
      <p class="v-soft" dir="auto">
        {details.filter((detail) => detail !== "").join(" · ")}
      </p>
      <p class="v-soft">
        {texts.teacher} <bdi>{exam.teacher}</bdi>
      </p>
      <Dates exam={exam} />
      <Action exam={exam} />
    </li>
  );
}

function Dates({ exam }: { exam: Enrolment }): JSX.Element | null {
  const { state, opens_at, closes_at, attempt } = exam;
  if (state === "upcoming" && opens_at !== null) return <p>{texts.opens(formatMoment(opens_at))}</p>;
  if (state === "open" && closes_at !== null) return <p>{texts.startUntil(formatMoment(closes_at))}</p>;
  if (state === "running" && attempt?.deadline) return <p>{texts.ends(formatMoment(attempt.deadline))}</p>;
  return null;
}

function Action({ exam }: { exam: Enrolment }): JSX.Element | null {
  const attempt = exam.attempt?.attempt_id;
  const hiddenName = <span class="v-hidden">{`: ${exam.title}`}</span>;
  if (exam.state === "open" || exam.state === "running") {
    return (
      <div>
        <Button variant="primary" onClick={() => toNotice(exam.exam_id)}>
          {exam.state === "running" ? texts.continue : texts.readAndStart}
          {hiddenName}
        </Button>
      </div>
    );
  }
  if (exam.state === "done" && attempt !== undefined) {
    return (
      <div>
        <Button onClick={() => toAttempt(attempt)}>
          {texts.openResult}
          {hiddenName}
        </Button>
      </div>
    );
  }
  return null;
}
