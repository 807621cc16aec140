// Subject, duration and dates of an exam.
import { formatMoment, formatSpan } from "@veritas/shared/time.ts";
import type { JSX } from "preact";
import { noticeTexts as texts } from "../texts.ts";
import type { Enrolment } from "../types.ts";

export function ExamDetails({ exam }: { exam: Enrolment }): JSX.Element {
  return (
    <dl class="v-details">
      {exam.subject !== "" && (
        <>
          <dt>{texts.subject}</dt>
          <dd dir="auto">{[exam.subject, exam.topic].filter((part) => part !== "").join(" · ")}</dd>
        </>
      )}
      <dt>{texts.time}</dt>
      <dd>{texts.fromStart(formatSpan(exam.duration_minutes * 60_000))}</dd>
      {exam.closes_at !== null && (
        <>
          <dt>{texts.closes}</dt>
          <dd>{formatMoment(exam.closes_at)}</dd>
        </>
      )}
      {exam.attempt?.deadline && (
        <>
          <dt>{texts.yourTimeEnds}</dt>
          <dd>{formatMoment(exam.attempt.deadline)}</dd>
        </>
      )}
    </dl>
  );
}
