// The exam itself: one question at a time, the way between them, the clock, and how far the answers have come.
import { formatLeft } from "@veritas/shared/time.ts";
import { announce, Badge, Button, Dialog, Icon, Notice } from "@veritas/shared/ui/index.ts";
import { formatTime, clock } from "@veritas/shared/time.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { isAnswered, unanswered } from "../session/answers.ts";
import { leftMs, passedMark, toneOf } from "../session/countdown.ts";
import { HandIn } from "./hand-in.tsx";
import { Heading } from "../parts/heading.tsx";
import { Answer } from "./answer-field.tsx";
import { login } from "../router.ts";
import { describeSaving, isWorthSaying, type Saving } from "../session/saving.ts";
import { SignIn } from "../start/sign-in.tsx";
import type { ExamSession } from "../session/session.ts";
import { plural } from "../texts.ts";

interface Props {
  session: ExamSession;
}

/** A signal that says, once a second, that a second has passed. */
function useSecond(): number {
  const now = useSignal(0);
  useEffect(() => {
    const timer = setInterval(() => (now.value += 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now.value;
}

/** What stands in the bar: the clock and the state of saving, always in sight. */
export function ExamBar({ session }: Props): JSX.Element {
  return (
    <div class="x-bar">
      <SavingLine session={session} />
      <Clock session={session} />
      <Messages session={session} />
    </div>
  );
}

function Clock({ session }: Props): JSX.Element | null {
  useSecond();
  const left = leftMs(session.deadline.value, clock.now());
  const before = useRef<number | null>(null);
  useEffect(() => {
    const said = passedMark(before.current, left);
    before.current = left;
    if (said !== null) announce(said);
    if (left === 0) timeIsUp(session);
  });
  if (left === null) return null;
  return (
    <span class="x-clock v-number" data-tone={toneOf(left)} role="timer" aria-label="Time left">
      <Icon name="clock" size={18} />
      {formatLeft(left)}
    </span>
  );
}

const POLL_MS = 2_000;
const asked = new WeakMap<ExamSession, number>();

/** The server ends the attempt, not this page: what is left is recorded, and the server is asked until it has. */
function timeIsUp(session: ExamSession): void {
  const now = performance.now();
  if (now - (asked.get(session) ?? -Infinity) < POLL_MS) return;
  asked.set(session, now);
  session.flush();
  void session.reload().catch(() => undefined);
}

function SavingLine({ session }: Props): JSX.Element | null {
  useSecond();
  const last = useRef<Saving["kind"]>("idle");
  const status = session.status.value;
  const isElsewhere = status === null || status.link === "elsewhere" || status.over === "superseded";
  const saving = isElsewhere ? null : describeSaving(status, session.typing.value, performance.now());
  useEffect(() => {
    if (saving === null) return;
    if (isWorthSaying(last.current, saving.kind) && saving.spoken !== "") {
      announce(saving.spoken, saving.tone === "critical" ? "assertive" : "polite");
    }
    last.current = saving.kind;
  }, [saving?.kind]);
  if (saving === null) return null;
  const icon =
    saving.kind === "offline" ? "offline" : saving.kind === "saved" || saving.kind === "idle" ? "check" : "clock";
  return (
    <span class="x-saving" data-tone={saving.tone} data-kind={saving.kind}>
      <Icon name={saving.tone === "critical" ? "critical" : icon} size={16} />
      <span>{saving.text}</span>
    </span>
  );
}

function Messages({ session }: Props): JSX.Element {
  const isOpen = useSignal(false);
  const all = session.messages.value;
  const unread = session.unread.value[0];
  useEffect(() => {
    if (unread !== undefined) announce(`A message from your teacher: ${unread.text}`, "assertive");
  }, [unread?.id]);
  return (
    <>
      {all.length > 0 && (
        <Button variant="quiet" size="small" icon="message" onClick={() => (isOpen.value = true)}>
          {plural(all.length, "message")}
        </Button>
      )}
      <Dialog
        title="A message from your teacher"
        open={unread !== undefined}
        onClose={() => session.closeMessage()}
        actions={
          <Button variant="primary" onClick={() => session.closeMessage()}>
            I have read it
          </Button>
        }
      >
        <p class="x-lines x-message">{unread?.text}</p>
        {unread !== undefined && <p class="v-soft v-small">Sent at {formatTime(unread.at)}</p>}
      </Dialog>
      <Dialog title="Messages" open={isOpen.value} onClose={() => (isOpen.value = false)}>
        <ol class="x-messages">
          {all.map((one) => (
            <li key={one.id}>
              <p class="x-lines">{one.text}</p>
              <p class="v-soft v-small">{formatTime(one.at)}</p>
            </li>
          ))}
        </ol>
      </Dialog>
    </>
  );
}

export function ExamView({ session }: Props): JSX.Element {
  const status = session.status.value;
  const isHandingIn = useSignal(false);
  if (status?.link === "elsewhere") return <Elsewhere session={session} where="another tab of this browser" />;
  if (status?.over === "superseded") return <Elsewhere session={session} where="another window or machine" />;
  const attempt = session.attempt.value;
  return (
    <div class="x-exam-view">
      <div class="x-top">
        <Heading title={attempt.exam.title}>{attempt.exam.title}</Heading>
        <Alarms session={session} />
      </div>
      <Overview session={session} onHandIn={() => (isHandingIn.value = true)} />
      <Question session={session} onHandIn={() => (isHandingIn.value = true)} />
      <HandIn session={session} open={isHandingIn.value} onClose={() => (isHandingIn.value = false)} />
    </div>
  );
}

/** What stands in the way of going on, above everything else. */
function Alarms({ session }: Props): JSX.Element {
  const status = session.status.value;
  useSecond();
  const alarms: JSX.Element[] = [];
  if (leftMs(session.deadline.value, clock.now()) === 0) {
    alarms.push(
      <Notice key="time" tone="warning" role="status">
        Your time is over. The server is handing in what you have written…
      </Notice>,
    );
  }
  if (status?.over === "signed_out" || login.state.value === "out") {
    alarms.push(<SignInAgain key="out" session={session} />);
  }
  if (status?.over === "forbidden" || status?.over === "refused") {
    alarms.push(
      <Notice key="refused" tone="critical" role="alert">
        The server does not take this page's connection ({status.detail || status.over}). Your answers are still here.
        Load the page again, or ask for help.
      </Notice>,
    );
  }
  if (session.attempt.value.exam.monitored !== false) alarms.push(<FullscreenNotice key="fullscreen" />);
  return <>{alarms}</>;
}

/** In the middle of an exam the sign-in may end; what was written stays on the page behind it. */
function SignInAgain({ session }: Props): JSX.Element {
  const isOut = login.state.value === "out";
  useEffect(() => {
    if (!isOut) session.proctor.signedInAgain();
  }, [isOut]);
  return (
    <Notice tone="warning" role="alert">
      <p>Your sign-in has ended. Sign in again to go on: everything you have written is still here.</p>
      {isOut && (
        <details class="x-again">
          <summary>Sign in again</summary>
          <SignIn />
        </details>
      )}
    </Notice>
  );
}

function FullscreenNotice(): JSX.Element | null {
  const isFull = useSignal(document.fullscreenElement !== null);
  useEffect(() => {
    const look = () => (isFull.value = document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, []);
  if (isFull.value || !document.fullscreenEnabled) return null;
  return (
    <div class="x-fullscreen v-spread">
      <span>This exam is meant to be sat in fullscreen.</span>
      <Button size="small" onClick={() => void document.documentElement.requestFullscreen().catch(() => undefined)}>
        Go to fullscreen
      </Button>
    </div>
  );
}

function Elsewhere({ session, where }: Props & { where: string }): JSX.Element {
  const isBusy = useSignal(false);
  const here = () => {
    isBusy.value = true;
    void session.continueHere().catch(() => undefined);
  };
  return (
    <div class="v-page">
      <div class="v-stack x-column">
        <Heading title="Open elsewhere">This exam is open in {where}</Heading>
        <p>
          An exam is sat in one place at a time. You can go on with it here: your answers come along, and the other
          place stops.
        </p>
        <div>
          <Button variant="primary" busy={isBusy.value} onClick={here}>
            Continue here
          </Button>
        </div>
      </div>
    </div>
  );
}

function Overview({ session, onHandIn }: Props & { onHandIn: () => void }): JSX.Element {
  const { items } = session.attempt.value;
  const answers = session.answers.value;
  const done = items.length - unanswered(items, answers).length;
  const isOpen = useSignal(false);
  const open = (index: number) => {
    session.open(index);
    isOpen.value = false;
  };
  return (
    <nav class="x-overview" aria-label="Questions" data-open={isOpen.value ? "" : undefined}>
      <div class="x-progress">
        <h2 class="x-progress-head">
          <button
            type="button"
            class="x-toggle"
            aria-expanded={isOpen.value}
            aria-controls="question-list"
            onClick={() => (isOpen.value = !isOpen.value)}
          >
            {done} of {items.length} answered
            <Icon name="down" size={16} />
          </button>
        </h2>
        <progress max={Math.max(1, items.length)} value={done} aria-label="Answered questions" />
      </div>
      <ol class="x-questions" id="question-list">
        {items.map((item, index) => {
          const has = isAnswered(item, answers);
          const isCurrent = index === session.at.value;
          return (
            <li key={item.item}>
              <button
                type="button"
                class="x-question-link"
                aria-current={isCurrent ? "step" : undefined}
                data-answered={has ? "" : undefined}
                onClick={() => open(index)}
              >
                <span class="x-question-number">{index + 1}</span>
                <span class="x-question-name">{item.prompt}</span>
                <span class="v-hidden">{has ? "answered" : "not answered"}</span>
                {has && <Icon name="check" size={14} />}
              </button>
            </li>
          );
        })}
      </ol>
      <Button variant={done === items.length ? "primary" : "secondary"} onClick={onHandIn}>
        Hand in…
      </Button>
    </nav>
  );
}

function Question({ session, onHandIn }: Props & { onHandIn: () => void }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const index = session.at.value;
  const item = session.item.value;
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
  }, [index]);
  const { items } = session.attempt.value;
  if (item === null) return <Notice tone="warning">This exam has no questions. Please tell your teacher.</Notice>;
  const isLast = index === items.length - 1;
  return (
    <section class="x-question" aria-labelledby="question" data-item={item.item} key={item.item}>
      <div class="v-spread">
        <h2 id="question" ref={heading} tabIndex={-1} class="x-heading">
          Question {index + 1} <span class="v-soft">of {items.length}</span>
        </h2>
        <Badge>{plural(item.points, "point")}</Badge>
      </div>
      <p class="x-prompt x-lines">{item.prompt}</p>
      <Answer item={item} session={session} />
      <div class="x-way">
        <Button icon="left" disabled={index === 0} onClick={() => session.open(index - 1)}>
          Back
        </Button>
        {isLast ? (
          <Button variant="primary" onClick={onHandIn}>
            Hand in…
          </Button>
        ) : (
          <Button variant="primary" onClick={() => session.open(index + 1)}>
            Next
            <Icon name="right" />
          </Button>
        )}
      </div>
    </section>
  );
}
