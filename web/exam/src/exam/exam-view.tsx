// The exam itself: one question at a time, the way between them, the clock, and how far the answers have come.
import { formatLeft } from "@veritas/shared/time.ts";
import { announce, Badge, Button, Dialog, Notice } from "@veritas/shared/ui.tsx";
import { Icon } from "@veritas/shared/icons.tsx";
import { formatTime, clock } from "@veritas/shared/time.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { isAnswered, unanswered } from "../session/answers.ts";
import { leftMs, passedMark, toneOf } from "../session/countdown.ts";
import { HandIn } from "./hand-in.tsx";
import { Heading } from "../parts/heading.tsx";
import { Answer } from "./answer-field.tsx";
import { session } from "../router.ts";
import { describeSaving, isWorthSaying, type Saving } from "../session/saving.ts";
import { SignIn } from "../start/sign-in.tsx";
import type { Sitting } from "../session/session.ts";
import { plural } from "../texts.ts";

interface Props {
  sitting: Sitting;
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
export function DeskBar({ sitting }: Props): JSX.Element {
  return (
    <div class="x-bar">
      <SavingLine sitting={sitting} />
      <Clock sitting={sitting} />
      <Messages sitting={sitting} />
    </div>
  );
}

function Clock({ sitting }: Props): JSX.Element | null {
  useSecond();
  const left = leftMs(sitting.deadline.value, clock.now());
  const before = useRef<number | null>(null);
  useEffect(() => {
    const said = passedMark(before.current, left);
    before.current = left;
    if (said !== null) announce(said);
    if (left === 0) timeIsUp(sitting);
  });
  if (left === null) return null;
  return (
    <span class="x-clock v-number" data-tone={toneOf(left)} role="timer" aria-label="Time left">
      <Icon name="clock" size={18} />
      {formatLeft(left)}
    </span>
  );
}

const ASK_MS = 2_000;
const asked = new WeakMap<Sitting, number>();

/** The server ends the attempt, not this page: what is left is recorded, and the server is asked until it has. */
function timeIsUp(sitting: Sitting): void {
  const now = performance.now();
  if (now - (asked.get(sitting) ?? -Infinity) < ASK_MS) return;
  asked.set(sitting, now);
  sitting.flush();
  void sitting.reload().catch(() => undefined);
}

function SavingLine({ sitting }: Props): JSX.Element | null {
  useSecond();
  const last = useRef<Saving["kind"]>("idle");
  const status = sitting.status.value;
  const isElsewhere = status === null || status.link === "elsewhere" || status.over === "superseded";
  const saving = isElsewhere ? null : describeSaving(status, sitting.typing.value, performance.now());
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

function Messages({ sitting }: Props): JSX.Element {
  const isOpen = useSignal(false);
  const all = sitting.messages.value;
  const unread = sitting.unread.value[0];
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
        onClose={() => sitting.closeMessage()}
        actions={
          <Button variant="primary" onClick={() => sitting.closeMessage()}>
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

export function Desk({ sitting }: Props): JSX.Element {
  const status = sitting.status.value;
  const isHandingIn = useSignal(false);
  if (status?.link === "elsewhere") return <Elsewhere sitting={sitting} where="another tab of this browser" />;
  if (status?.over === "superseded") return <Elsewhere sitting={sitting} where="another window or machine" />;
  const paper = sitting.paper.value;
  return (
    <div class="x-desk">
      <div class="x-top">
        <Heading title={paper.exam.title}>{paper.exam.title}</Heading>
        <Alarms sitting={sitting} />
      </div>
      <Overview sitting={sitting} onHandIn={() => (isHandingIn.value = true)} />
      <Question sitting={sitting} onHandIn={() => (isHandingIn.value = true)} />
      <HandIn sitting={sitting} open={isHandingIn.value} onClose={() => (isHandingIn.value = false)} />
    </div>
  );
}

/** What stands in the way of going on, above everything else. */
function Alarms({ sitting }: Props): JSX.Element {
  const status = sitting.status.value;
  useSecond();
  const alarms: JSX.Element[] = [];
  if (leftMs(sitting.deadline.value, clock.now()) === 0) {
    alarms.push(
      <Notice key="time" tone="warning" role="status">
        Your time is over. The server is handing in what you have written…
      </Notice>,
    );
  }
  if (status?.over === "signed_out" || session.state.value === "out") {
    alarms.push(<SignInAgain key="out" sitting={sitting} />);
  }
  if (status?.over === "forbidden" || status?.over === "refused") {
    alarms.push(
      <Notice key="refused" tone="critical" role="alert">
        The server does not take this page's connection ({status.detail || status.over}). Your answers are still here.
        Load the page again, or ask for help.
      </Notice>,
    );
  }
  if (sitting.paper.value.exam.monitored !== false) alarms.push(<FullscreenNotice key="fullscreen" />);
  return <>{alarms}</>;
}

/** In the middle of an exam the sign-in may end; what was written stays on the page behind it. */
function SignInAgain({ sitting }: Props): JSX.Element {
  const isOut = session.state.value === "out";
  useEffect(() => {
    if (!isOut) sitting.proctor.signedInAgain();
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

function Elsewhere({ sitting, where }: Props & { where: string }): JSX.Element {
  const isBusy = useSignal(false);
  const here = () => {
    isBusy.value = true;
    void sitting.continueHere().catch(() => undefined);
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

function Overview({ sitting, onHandIn }: Props & { onHandIn: () => void }): JSX.Element {
  const { items } = sitting.paper.value;
  const answers = sitting.answers.value;
  const done = items.length - unanswered(items, answers).length;
  const isOpen = useSignal(false);
  const open = (index: number) => {
    sitting.open(index);
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
          const isCurrent = index === sitting.at.value;
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

function Question({ sitting, onHandIn }: Props & { onHandIn: () => void }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const index = sitting.at.value;
  const item = sitting.item.value;
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
  }, [index]);
  const { items } = sitting.paper.value;
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
      <Answer item={item} sitting={sitting} />
      <div class="x-way">
        <Button icon="left" disabled={index === 0} onClick={() => sitting.open(index - 1)}>
          Back
        </Button>
        {isLast ? (
          <Button variant="primary" onClick={onHandIn}>
            Hand in…
          </Button>
        ) : (
          <Button variant="primary" onClick={() => sitting.open(index + 1)}>
            Next
            <Icon name="right" />
          </Button>
        )}
      </div>
    </section>
  );
}
