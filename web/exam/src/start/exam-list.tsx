// The student's exams, each with its state. A sign-in with a code has one exam and goes straight to it.
import { Button, Empty } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { login } from "../login.ts";
import { Heading } from "../parts/heading.tsx";
import { Loading } from "../parts/loading.tsx";
import { OwnData } from "../parts/own-data.tsx";
import { useLoad } from "../parts/use-load.ts";
import { toAttempt, toNotice } from "../router.ts";
import { texts as pageTexts, listTexts as texts } from "../texts.ts";
import { loadEnrolments } from "./enrolments.ts";
import { ExamCard } from "./exam-card.tsx";

export function ExamList(): JSX.Element {
  const { value, error, again } = useLoad(loadEnrolments, "exams");
  useEffect(() => {
    const only = value?.length === 1 ? value[0] : undefined;
    if (only === undefined || login.examId.value !== only.exam_id) return;
    if (only.state === "done" && only.attempt) toAttempt(only.attempt.attempt_id, { replace: true });
    else if (only.state === "open" || only.state === "running") toNotice(only.exam_id, { replace: true });
  }, [value]);
  return (
    <div class="v-stack x-column">
      <Heading title={texts.heading}>{texts.heading}</Heading>
      {value === null ? (
        <Loading error={error} again={again} label={pageTexts.loading.exams} />
      ) : value.length === 0 ? (
        <Empty title={texts.empty}>
          <p>{texts.emptyHelp}</p>
          <Button onClick={again}>{texts.reload}</Button>
        </Empty>
      ) : (
        <ul class="x-exams">
          {value.map((exam) => (
            <ExamCard key={exam.exam_id} exam={exam} />
          ))}
        </ul>
      )}
      <OwnData />
    </div>
  );
}
