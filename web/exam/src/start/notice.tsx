// Before the exam: what is recorded, who sees it, how long it is kept; the acknowledgement; and then, with one click,
// fullscreen and the start. Going on with a running exam passes here too: a page may enter fullscreen only on a click.
import { errorText } from "@veritas/shared/api.ts";
import { formatDateTime, formatSpan } from "@veritas/shared/time.ts";
import { Button, Check, Notice } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { Enrolment, Started } from "../types.ts";
import { Heading } from "../parts/heading.tsx";
import { loadEnrolments } from "./exam-list.tsx";
import { Loading, useLoad } from "../parts/loading.tsx";
import { api, toAttempt, toList } from "../router.ts";

export function NoticeView({ exam }: { exam: string }): JSX.Element {
  const { value, error, again } = useLoad(loadEnrolments, exam);
  const found = value?.find((one) => one.exam_id === exam);
  if (value === null) return <Loading error={error} again={again} label="Opening…" />;
  if (found === undefined || (found.state !== "open" && found.state !== "running")) {
    return (
      <div class="v-stack x-column">
        <Heading title="Exam">This exam cannot be begun now</Heading>
        <p>It may not be open yet, or may be over.</p>
        <div>
          <Button onClick={toList}>Back to your exams</Button>
        </div>
      </div>
    );
  }
  return <Begin exam={found} />;
}

function Begin({ exam }: { exam: Enrolment }): JSX.Element {
  const isRead = useSignal(false);
  const isBusy = useSignal(false);
  const error = useSignal<unknown>(null);
  const isRunning = exam.state === "running";
  const begin = () => {
    if (!isRead.value || isBusy.value) return;
    // At once, within the click: later no browser would allow it. Where it is not allowed at all, the exam goes on.
    if (exam.monitored) void document.documentElement.requestFullscreen?.().catch(() => undefined);
    isBusy.value = true;
    error.value = null;
    api
      .post<Started>(
        `/student/exams/${exam.exam_id}/start`,
        exam.notice === null ? {} : { notice: exam.notice.version },
      )
      .then((started) => toAttempt(started.attempt_id, { replace: true }))
      .catch((reason: unknown) => (error.value = reason))
      .finally(() => (isBusy.value = false));
  };
  return (
    <div class="v-stack x-column">
      <Heading title={exam.title}>{exam.title}</Heading>
      <Facts exam={exam} />
      {exam.description !== "" && <p class="v-prose x-lines">{exam.description}</p>}
      <section class="v-card v-stack" aria-labelledby="recorded">
        <h2 id="recorded">What is recorded while you sit this exam</h2>
        <Recorded exam={exam} />
        <p>
          No camera, no microphone, no picture of your screen, and not what you copy or which keys you press, but for a
          few combinations such as copy or print. A person looks at it before it means anything, and you can read
          afterwards what was recorded.
        </p>
      </section>
      <section class="v-card v-stack" aria-labelledby="good-to-know">
        <h2 id="good-to-know">Good to know</h2>
        <ul class="x-points">
          <li>Your answers are saved on the server while you work. The page always says how far that has come.</li>
          <li>
            If the connection is lost, keep working: your answers are kept on this machine and sent when it is back.
          </li>
          <li>If this machine fails, sign in on another one: your answers and the clock go on there.</li>
          <li>The server keeps the time. It goes on while you are away.</li>
          {exam.monitored && <li>The exam is shown in fullscreen. The Escape key leaves it; leaving is recorded.</li>}
        </ul>
      </section>
      <Check checked={isRead.value} onChange={(checked) => (isRead.value = checked)}>
        I have read what is recorded, and I want to {isRunning ? "go on" : "begin"}.
      </Check>
      {error.value !== null && (
        <Notice tone="critical" role="alert">
          {errorText(error.value)}
        </Notice>
      )}
      <div class="v-row">
        <Button variant="primary" busy={isBusy.value} aria-disabled={!isRead.value} onClick={begin}>
          {isRunning ? "Go on with the exam" : `Begin the exam · ${formatSpan(exam.duration_minutes * 60_000)}`}
        </Button>
        <Button variant="quiet" onClick={toList}>
          Not now
        </Button>
      </div>
      {!isRead.value && <p class="v-hint">To begin, confirm that you have read what is recorded.</p>}
    </div>
  );
}

function Facts({ exam }: { exam: Enrolment }): JSX.Element {
  return (
    <dl class="v-facts">
      {exam.subject !== "" && (
        <>
          <dt>Subject</dt>
          <dd>{[exam.subject, exam.topic].filter((part) => part !== "").join(" · ")}</dd>
        </>
      )}
      <dt>Time</dt>
      <dd>{formatSpan(exam.duration_minutes * 60_000)}, from the moment you begin</dd>
      {exam.closes_at !== null && (
        <>
          <dt>Closes</dt>
          <dd>{formatDateTime(exam.closes_at)}</dd>
        </>
      )}
      {exam.attempt?.deadline && (
        <>
          <dt>Your time ends</dt>
          <dd>{formatDateTime(exam.attempt.deadline)}</dd>
        </>
      )}
    </dl>
  );
}

const ANSWERS_ONLY = ["Your answers, and when each was given and changed."];

function Recorded({ exam }: { exam: Enrolment }): JSX.Element {
  const { notice } = exam;
  const recorded = notice?.recorded ?? ANSWERS_ONLY;
  return (
    <>
      <ul class="x-points">
        {recorded.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
      {notice !== null && (
        <dl class="v-facts">
          <dt>Who sees it</dt>
          <dd>{notice.who_sees}</dd>
          <dt>Kept for</dt>
          <dd>{notice.kept_days} days after the grade is final</dd>
        </dl>
      )}
    </>
  );
}
