// The browser SDK: states what happens on an exam page and delivers each statement exactly once, whatever happens to the
// connection, the tab or the machine. `record` never waits and never fails for want of a network.
//
// Everything it decides is decided in `session` and `queue`; here their effects are carried out.

import { TicketSocket } from "@veritas/shared/socket/ticket-socket.ts";
import { clock } from "@veritas/shared/time.ts";
import { AnswersUnderWay, answerOf, type LocalAnswer } from "./session/answers.ts";
import { watch } from "./page/listeners.ts";
import { QueueClock } from "./session/clock.ts";
import type { Attempt, HubFrame, Instruct, Json, Payload, Welcome } from "./session/frames.ts";
import { DEFAULT_LIMITS, readFrame } from "./session/frames.ts";
import { startTimer } from "./page/timer.ts";
import { QueuePersistence } from "./queue/persistence.ts";
import { Leader } from "./page/leader.ts";
import { type Effect, fitsFrame, makeEvent, type Over, CandidateSession } from "./session/candidate-session.ts";
import { Store } from "./queue/store.ts";

export interface StartOptions {
  /** The hub's `/ws/monitor`, as a ws: or wss: address. */
  url: string;
  attemptId: string;
  /** Fetches a fresh single-use ticket; throws SignedOut when the sign-in has ended, anything else is tried again. */
  getTicket: () => Promise<string>;
  /** Carries out `message` and `end`; null means done, a short code says why it could not be. */
  onInstruction?: (instruct: Instruct) => string | null | Promise<string | null>;
  /** Answers of this machine that the server may not have: those of the stored queue, once it could be read. */
  onRestored?: (answers: LocalAnswer[]) => void;
  /** Whether to watch the page; false records only what the caller states. */
  captures?: boolean;
}

export type Link = "starting" | "elsewhere" | "connecting" | "open" | "waiting" | "over";

export interface Status {
  /** `elsewhere`: another tab of this browser leads; this one records nothing. */
  link: Link;
  over: Over | null;
  detail: string;
  attempt: Attempt | null;
  /** Items with a change that the server has not acknowledged. */
  unsaved: ReadonlySet<string>;
  /** Items whose last change the server refused, and why. */
  refused: ReadonlyMap<string, string>;
  /** The page's monotonic moment (ms) of the last acknowledgement; null before the first. */
  ackedMs: number | null;
  /** How many statements of any kind are not acknowledged. */
  waiting: number;
  /** Whether these survive a reload or a crash of the page. */
  isKept: boolean;
  /** How many were given up, because the queue was full or could not be read any more. */
  dropped: number;
  /** When the next connection is tried, by the page's monotonic clock; only while `waiting`. */
  retryAtMs: number | null;
  rttMs: number | null;
}

const CAN = ["message", "end"];
const encoder = new TextEncoder();

export class Proctor {
  private session: CandidateSession | null = null;
  private persistence: QueuePersistence | null = null;
  private queueClock = new QueueClock(pageMs());
  private readonly answers = new AnswersUnderWay();
  private readonly leader: Leader;
  private readonly socket: TicketSocket;
  private readonly listeners = new Set<(status: Status) => void>();
  private link: Link = "starting";
  private ackedMs: number | null = null;
  private early: { type: string; data: Payload | undefined }[] = [];
  private inbox: HubFrame[] | null = null;
  private unwatch: (() => void) | null = null;
  private captureBeat: (() => void) | null = null;
  private stopTimer: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isTelling = false;
  private isFinished = false;
  private readonly ending = new AbortController();

  constructor(private readonly options: StartOptions) {
    this.socket = new TicketSocket(options.url, options.getTicket, {
      onOpen: (ticket) => this.run((session, now) => session.connected(ticket, now, Date.now(), this.mono())),
      onText: (text) => this.hear(text),
      onClose: (code, how) => this.run((session, now) => session.closed(code, now, how)),
    });
    this.leader = new Leader(options.attemptId, {
      onLead: () => void this.lead(),
      onWait: () => this.standBack(),
      onYield: () => this.yield(),
    });
    const { signal } = this.ending;
    window.addEventListener("online", () => this.hurry(), { signal });
    const offline = () => this.run((session, now) => session.offline(now, Date.now()));
    window.addEventListener("offline", offline, { signal });
    window.addEventListener("pageshow", () => this.hurry(), { signal });
    void this.leader.stand();
  }

  /** State a fact. What cannot be encoded, or fits into no frame, is stated as the page's own error instead. */
  record(type: string, data?: Payload): void {
    if (this.session === null || this.persistence === null) {
      if (this.link === "starting") this.early.push({ type, data });
      return;
    }
    const event = makeEvent(type, Date.now(), this.mono(), data);
    const size = encoder.encode(JSON.stringify(event)).length;
    if (!fitsFrame(size, DEFAULT_LIMITS.frame_bytes)) {
      if (type !== "client_error") this.record("client_error", { message: `${type} is too large`, size });
      return;
    }
    const { queue } = this.session;
    const key = queue.nextSeq + queue.shift;
    this.persistence.recorded(key, event, size);
    this.answers.recorded(key, event);
    this.run((session, now) => session.record(event, size, now));
  }

  answered(item: string, value: Json, ms: number): void {
    this.record("answered", { item, value: clean(value), ms: Math.max(0, Math.round(ms)) });
  }

  draft(item: string, text: string): void {
    this.record("draft_saved", { item, text: cleanText(text) });
  }

  get status(): Status {
    const { session, persistence, answers } = this;
    const phase = session?.phase;
    const over = this.link === "elsewhere" ? null : (session?.over ?? null);
    const isWaiting = this.link !== "elsewhere" && phase === "waiting";
    return {
      link: this.link === "elsewhere" || session === null ? this.link : linkOf(session),
      over,
      detail: session?.detail ?? "",
      attempt: session?.attempt ?? null,
      unsaved: answers.items,
      refused: answers.refused,
      ackedMs: this.ackedMs,
      waiting: session?.queue.length ?? this.early.length,
      isKept: persistence?.isKept ?? false,
      dropped: session?.queue.droppedEver ?? 0,
      retryAtMs: isWaiting ? (session?.retryAtMs ?? null) : null,
      rttMs: session?.rttMs ?? null,
    };
  }

  /** Where the numbering stands: with this `submit` waits until everything recorded so far is stored. */
  get position(): { stream: string; last_seq: number } | null {
    const queue = this.session?.queue;
    return queue === undefined || queue.stream === null ? null : { stream: queue.stream, last_seq: queue.nextSeq - 1 };
  }

  /** Be told of every change of `status`, at most once a task; the returned function ends it. */
  onStatus(listener: (status: Status) => void): () => void {
    this.listeners.add(listener);
    listener(this.status);
    return () => this.listeners.delete(listener);
  }

  /** Wait until everything recorded is acknowledged, at most so long; whether it is. */
  drained(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      let end = () => {};
      const finish = (isDrained: boolean) => {
        clearTimeout(timer);
        queueMicrotask(() => end());
        resolve(isDrained);
      };
      const timer = setTimeout(() => finish(false), timeoutMs);
      end = this.onStatus((status) => {
        // What is kept from before is not counted yet.
        if (status.link === "starting") return;
        if (status.waiting === 0 || status.link === "over" || status.link === "elsewhere") finish(status.waiting === 0);
      });
    });
  }

  /** Go on in this tab, or on this machine, after another one took over. */
  continueHere(): void {
    if (this.link === "elsewhere") void this.leader.takeOver();
    else this.run((session, now) => (session.over === "superseded" ? session.start(now) : []));
  }

  /** The sign-in is good again: connect anew. */
  signedInAgain(): void {
    this.run((session, now) => (session.over === "signed_out" ? session.start(now) : []));
  }

  /** The attempt is over: watch no longer, deliver what is left, then leave and forget what was kept. */
  async finish(): Promise<void> {
    this.isFinished = true;
    this.stopWatching();
    this.session?.silence();
    const isDrained = await this.drained(60_000);
    if (isDrained) await this.persistence?.forget();
    this.stop();
  }

  /** End everything at once; what is not delivered stays kept for the next start. */
  stop(): void {
    this.stopWatching();
    this.stopTimer?.();
    clearTimeout(this.timer);
    this.ending.abort();
    void this.keep();
    this.run((session, now) => session.leave(now));
    this.leader.stop();
    running.delete(this.options.attemptId);
  }

  private async lead(): Promise<void> {
    const persistence = await QueuePersistence.open(this.options.attemptId, (seq) =>
      this.run((session, now) => session.cleared(seq, now)),
    );
    if (this.ending.signal.aborted) return;
    this.persistence = persistence;
    this.queueClock = new QueueClock(pageMs(), persistence.clockMemo);
    this.session = new CandidateSession(persistence.queue, {
      attemptId: this.options.attemptId,
      can: this.options.onInstruction ? CAN : [],
      random: Math.random,
      clock,
    });
    if (this.isFinished) this.session.silence();
    this.link = "connecting";
    this.stopTimer ??= startTimer(() => this.beat());
    this.run((session, now) => session.start(now));
    for (const { type, data } of this.early.splice(0)) this.record(type, data);
    if (this.options.captures !== false && !this.isFinished) this.startWatching();
  }

  private standBack(): void {
    this.link = "elsewhere";
    this.early = [];
    this.tell();
  }

  /** Another tab takes over: it will read what is kept, so all of it has to stand. */
  private async yield(): Promise<void> {
    this.stopWatching();
    this.stopTimer?.();
    this.stopTimer = null;
    if (this.persistence?.isKept) await this.keep();
    else await this.drained(1_000);
    this.run((session) => session.yield());
    this.persistence?.close();
    this.session = null;
    this.persistence = null;
    this.standBack();
  }

  private startWatching(): void {
    const { beat, stop } = watch(
      (type, data) => this.record(type, data),
      () => performance.now(),
    );
    this.captureBeat = beat;
    this.unwatch = stop;
  }

  private stopWatching(): void {
    const unwatch = this.unwatch;
    this.unwatch = this.captureBeat = null;
    unwatch?.();
  }

  private beat(): void {
    this.captureBeat?.();
    if (this.session?.isQuiet(performance.now())) this.record("alive");
    this.run((session, now) => session.tick(now, Date.now()));
  }

  private hurry(): void {
    this.run((session, now) => session.online(now));
  }

  private hear(text: string): void {
    const frame = readFrame(text);
    if (frame === null) return;
    if (this.inbox !== null) this.inbox.push(frame);
    else this.run((session, now) => session.receive(frame, now));
  }

  /** Let the session take something in, carry out what it says, and tell how things stand. */
  private run(step: (session: CandidateSession, nowMs: number) => Effect[]): void {
    if (this.session === null) return;
    for (const effect of step(this.session, performance.now())) this.perform(effect);
    this.setTimer();
    this.tell();
  }

  private perform(effect: Effect): void {
    switch (effect.do) {
      case "connect":
        void this.socket.open();
        break;
      case "send":
        this.socket.send(JSON.stringify(effect.frame));
        break;
      case "cut":
        this.inbox = null;
        this.socket.cut();
        break;
      case "unlock":
        void this.unlock(effect.welcome);
        break;
      case "keep":
        void this.keep();
        break;
      case "gone":
        this.ackedMs = performance.now();
        this.answers.gone(effect.gone, effect.rejected);
        break;
      case "dropped":
        this.answers.dropped(effect.dropped);
        this.persistence?.dropped(effect.dropped.map((one) => one.key));
        break;
      case "carry":
        void this.carry(effect.instruct);
        break;
    }
  }

  private async unlock(welcome: Welcome): Promise<void> {
    const { persistence, session } = this;
    if (persistence === null || session === null) return;
    const wasSealed = persistence.clockMemo !== null;
    const inbox: HubFrame[] = [];
    this.inbox = inbox;
    await persistence.unlock(welcome);
    if (this.inbox !== inbox) return;
    this.inbox = null;
    if (wasSealed) this.restore();
    this.run((current, now) => current.resume(welcome, now, Date.now()));
    for (const frame of inbox) this.run((current, now) => current.receive(frame, now));
  }

  private restore(): void {
    const found: LocalAnswer[] = [];
    for (const { key, event } of this.session?.queue.entries() ?? []) {
      const answer = answerOf(event);
      if (answer === null || event === null) continue;
      this.answers.recorded(key, event);
      found.push(answer);
    }
    if (found.length > 0) this.options.onRestored?.(found);
  }

  private keep(): Promise<void> {
    return this.persistence?.keep(this.queueClock, () => this.session?.phase === "open") ?? Promise.resolve();
  }

  private async carry(instruct: Instruct): Promise<void> {
    let code: string | null;
    try {
      code = (await this.options.onInstruction?.(instruct)) ?? null;
    } catch {
      code = "failed";
    }
    this.run((session) => session.carriedOut(instruct.id, code));
  }

  private setTimer(): void {
    clearTimeout(this.timer);
    const dueMs = this.session?.dueMs(performance.now()) ?? null;
    if (dueMs === null || this.ending.signal.aborted) return;
    this.timer = setTimeout(() => this.run((session, now) => session.tick(now, Date.now())), Math.ceil(dueMs));
  }

  private tell(): void {
    if (this.isTelling) return;
    this.isTelling = true;
    queueMicrotask(() => {
      this.isTelling = false;
      const { status } = this;
      for (const listener of [...this.listeners]) listener(status);
    });
  }

  private mono(): number {
    return this.queueClock.read(pageMs());
  }
}

const running = new Map<string, Proctor>();

/** Begin to proctor an attempt in this page; called again for the same attempt it gives the same handle. */
export function start(options: StartOptions): Proctor {
  const known = running.get(options.attemptId);
  if (known !== undefined) return known;
  const proctor = new Proctor(options);
  running.set(options.attemptId, proctor);
  return proctor;
}

/** Deliver what this machine still keeps of an attempt that is over: a hub takes it for a day. Watches nothing. */
export async function deliverKept(options: StartOptions): Promise<void> {
  const store = await Store.open(options.attemptId);
  const kept = await store?.load();
  store?.close();
  if (!kept || kept.events.size === 0 || running.has(options.attemptId)) return;
  await start({ ...options, captures: false }).finish();
}

function pageMs(): number {
  return performance.timeOrigin + performance.now();
}

function linkOf(session: CandidateSession): Link {
  if (session.phase === "over" || session.phase === "open" || session.phase === "waiting") return session.phase;
  return "connecting";
}

/** A string the record can hold: no NUL, no half of a surrogate pair. */
export function cleanText(text: string): string {
  const whole = text.replaceAll("\0", "");
  return whole.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD");
}

function clean(value: Json): Json {
  if (typeof value === "string") return cleanText(value);
  return Array.isArray(value) ? value.map(clean) : value;
}
