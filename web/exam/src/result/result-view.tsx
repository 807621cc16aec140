// After the exam: the receipt, the result, and what was recorded. Polls until the server has computed the record.
import { useSignal } from "@preact/signals";
import { Button, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { api, login } from "../login.ts";
import { Heading } from "../parts/heading.tsx";
import { OwnData } from "../parts/own-data.tsx";
import { toList } from "../router.ts";
import { type AttemptView, isRunning, type Receipt } from "../types.ts";
import { LateAnswers } from "./late-answers.tsx";
import { ReceiptCard } from "./receipt-card.tsx";
import { Record } from "./record.tsx";
import { resultTexts as texts } from "./texts.ts";

const POLL_MS = 3_000;

interface Props {
  first: AttemptView;
  receipt?: Receipt | null;
  /** Why a teacher ended the attempt, if the page has received it. */
  because?: string | null;
  /** Delivers what this device still stores of the attempt; it may arrive late. */
  deliver?: () => Promise<unknown>;
  onLeave?: () => void;
}

export function ResultView({ first, receipt = null, because = null, deliver, onLeave = toList }: Props): JSX.Element {
  const now = useAttempt(first, deliver);
  const given = now.receipt ?? receipt;
  return (
    <div class="v-stack-l x-column">
      <Headline attempt={now} isHandedIn={given !== null && now.status === "completed"} because={because} />
      <LateAnswers attempt={now} />
      {given !== null && <ReceiptCard receipt={given} attempt={now} />}
      <section class="v-stack" aria-labelledby="record">
        <h2 id="record">{texts.recordHeading}</h2>
        {!now.record ? <Spinner label={texts.computing} /> : <Record record={now.record} />}
      </section>
      {login.examId.value !== null && <OwnData />}
      {/* A sign-in with a code has access to this exam only, so there is no list to return to. */}
      {login.examId.value === null && (
        <div class="x-noprint">
          <Button onClick={onLeave}>{texts.backToExams}</Button>
        </div>
      )}
    </div>
  );
}

/** Return the attempt, loaded again until its record is there, and once after the delivery of what is left. */
function useAttempt(first: AttemptView, deliver?: () => Promise<unknown>): AttemptView {
  const attempt = useSignal(first);
  const load = async () => {
    attempt.value = await api.get<AttemptView>(`/student/exams/${first.attempt_id}`);
  };
  useEffect(() => {
    if (attempt.value.record) return;
    const timer = setInterval(() => {
      load().then(
        () => attempt.value.record && clearInterval(timer),
        () => undefined,
      );
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [first.attempt_id]);
  useEffect(() => {
    deliver?.()
      .then(load)
      .catch(() => undefined);
  }, [first.attempt_id]);
  return attempt.value;
}

interface HeadlineProps {
  attempt: AttemptView;
  isHandedIn: boolean;
  because: string | null;
}

function Headline({ attempt, isHandedIn, because }: HeadlineProps): JSX.Element {
  const { status, exam } = attempt;
  // The exam is over for the student some seconds before the server has closed the attempt.
  const isClosing = isRunning(status);
  const heading = isHandedIn ? texts.handedInHeading : isClosing ? texts.closing : texts.heading(status);
  const short = isHandedIn ? texts.handedIn : isClosing ? texts.closing : texts.status(status);
  return (
    <div class="v-stack">
      <Heading title={texts.title(short, exam.title)}>{heading}</Heading>
      <p class="v-soft" dir="auto">
        {exam.title}
      </p>
      {isClosing && <Notice tone="info">{texts.closingHelp}</Notice>}
      {status === "timed_out" && <Notice tone="info">{texts.timedOut}</Notice>}
      {status === "ended" && <Notice tone="warning">{because ? texts.endedBecause(because) : texts.ended}</Notice>}
    </div>
  );
}
