// The notice before the exam. It is shown again before a running exam continues, because a page may enter fullscreen only
// after a click.
import { useSignal } from "@preact/signals";
import { Button, Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Heading } from "../parts/heading.tsx";
import { Loading } from "../parts/loading.tsx";
import { useLoad } from "../parts/use-load.ts";
import { toAttempt, toList } from "../router.ts";
import { texts as pageTexts, noticeTexts as texts } from "../texts.ts";
import { loadEnrolments } from "./enrolments.ts";
import { ExamDetails } from "./exam-details.tsx";
import { GoodToKnow, RecordedCard } from "./notice-cards.tsx";
import { StartForm } from "./start-form.tsx";

export function NoticeView({ exam }: { exam: string }): JSX.Element {
  const { value, error, again } = useLoad(loadEnrolments, exam);
  const hasChanged = useSignal(false);
  const reload = () => {
    hasChanged.value = true;
    again();
  };
  const found = value?.find((enrolment) => enrolment.exam_id === exam);
  const done = found?.state === "done" ? found.attempt?.attempt_id : undefined;
  useEffect(() => {
    // Going back from the result leads here.
    if (done !== undefined) toAttempt(done, { replace: true });
  }, [done]);
  if (value === null) return <Loading error={error} again={again} label={pageTexts.loading.exam} />;
  if (found === undefined || (found.state !== "open" && found.state !== "running")) return <Unavailable />;
  return (
    <div class="v-stack x-column">
      <Heading title={found.title}>{found.title}</Heading>
      {hasChanged.value && (
        <Notice tone="warning" role="alert">
          {texts.changed}
        </Notice>
      )}
      <ExamDetails exam={found} />
      {found.description !== "" && (
        <p class="v-prose x-lines" dir="auto">
          {found.description}
        </p>
      )}
      <RecordedCard exam={found} />
      <GoodToKnow isMonitored={found.monitored} />
      <StartForm exam={found} onNoticeChanged={reload} />
    </div>
  );
}

function Unavailable(): JSX.Element {
  return (
    <div class="v-stack x-column">
      <Heading title={texts.unavailableTitle}>{texts.unavailable}</Heading>
      <p>{texts.unavailableHelp}</p>
      <div>
        <Button onClick={toList}>{pageTexts.backToExams}</Button>
      </div>
    </div>
  );
}
