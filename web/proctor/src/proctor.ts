// The browser SDK: records what happens on an exam page and delivers every event exactly once, through lost connections,
// reloads and crashes. `record` never waits and never fails because of the network.
//
// Session and queue make all decisions; this class carries out their effects.

import { TicketSocket } from "@veritas/shared/socket/ticket-socket.ts";
import { clock } from "@veritas/shared/time.ts";
import { Leader } from "./page/leader.ts";
import { type Listeners, startListeners } from "./page/listeners.ts";
import { startTimer } from "./page/timer.ts";
import { lastWords } from "./queue/last-words.ts";
import { QueuePersistence } from "./queue/persistence.ts";
import { Store } from "./queue/store.ts";
import { answerOf, type LocalAnswer, PendingAnswers } from "./session/answers.ts";
import { CandidateSession, type Effect, fitsFrame, makeEvent } from "./session/candidate-session.ts";
import { QueueClock } from "./session/clock.ts";
import type { HubFrame, Instruct, Json, Payload, Welcome } from "./session/frames.ts";
import { DEFAULT_LIMITS, readFrame } from "./session/frames.ts";
import type { Link, StartOptions, Status } from "./types.ts";
import { cleanText, cleanValue } from "./values.ts";

/** Instructions that this client can carry out. */
const CAN = ["message", "end"];
const FINISH_MS = 60_000;
/** How long a tab without storage tries to deliver its events before another tab takes over. */
const HAND_OVER_MS = 1_000;
const encoder = new TextEncoder();

export class Proctor {
  /** When the page was loaded: by the server's clock if it is known, because the student can change that of the device. */
  private readonly startedAt = clock.isKnown ? clock.now() - performance.now() : performance.timeOrigin;
  private session: CandidateSession | null = null;
  private persistence: QueuePersistence | null = null;
  private queueClock = new QueueClock(pageMs(this.startedAt));
  private readonly answers = new PendingAnswers();
  private readonly leader: Leader;
  private readonly socket: TicketSocket;
  private readonly subscribers = new Set<(status: Status) => void>();
  private link: Link = "starting";
  private ackedMs: number | null = null;
  /** Events recorded before the stored queue could be opened. */
  private early: { type: string; data: Payload | undefined }[] = [];
  /** Frames received while the stored queue is decrypted; null at any other time. */
  private inbox: HubFrame[] | null = null;
  private listeners: Listeners | null = null;
  private stopTimer: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Where the last events of a closing page are sent, and the token for it; null before the first welcome. */
  private upload: { url: string; token: string } | null = null;
  private isNotifying = false;
  private isFinished = false;
  private readonly ending = new AbortController();

  constructor(private readonly options: StartOptions) {
    this.socket = new TicketSocket(options.url, options.getTicket, {
      onOpen: (ticket) => this.run((session, now) => session.connected(ticket, now, Date.now(), this.mono())),
      onText: (text) => this.receive(text),
      onClose: (code, how) => this.run((session, now) => session.closed(code, now, how)),
    });
    this.leader = new Leader(options.attemptId, {
      onLead: () => void this.lead(),
      onWait: () => this.waitForLeader(),
      onHandOver: () => this.handOver(),
    });
    const { signal } = this.ending;
    window.addEventListener("online", () => this.reconnectNow(), { signal });
    const offline = () => this.run((session, now) => session.offline(now, Date.now()));
    window.addEventListener("offline", offline, { signal });
    window.addEventListener("pageshow", () => this.reconnectNow(), { signal });
    window.addEventListener("pagehide", () => this.sendLastWords(), { signal });
    void this.leader.start();
  }

  /** Record an event. One that is too large for a frame is replaced by a `client_error` event. */
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

  /** Record a complete answer; `ms` is how long the item has been open. */
  answered(item: string, value: Json, ms: number): void {
    this.record("answered", { item, value: cleanValue(value), ms: Math.max(0, Math.round(ms)) });
  }

  /** Record the current state of a text answer. */
  draft(item: string, text: string): void {
    this.record("draft_saved", { item, text: cleanText(text) });
  }

  get status(): Status {
    const { session, persistence, answers } = this;
    const isElsewhere = this.link === "elsewhere";
    const isWaiting = !isElsewhere && session?.phase === "waiting";
    return {
      link: isElsewhere || session === null ? this.link : linkOf(session),
      over: isElsewhere ? null : (session?.over ?? null),
      detail: session?.detail ?? "",
      attempt: session?.attempt ?? null,
      unsaved: answers.items,
      refused: answers.refused,
      ackedMs: this.ackedMs,
      pending: session?.queue.length ?? this.early.length,
      isStored: persistence?.isStored ?? false,
      isStoring: persistence?.isStoring ?? false,
      dropped: session?.queue.droppedTotal ?? 0,
      retryAtMs: isWaiting ? (session?.retryAtMs ?? null) : null,
      rttMs: session?.rttMs ?? null,
    };
  }

  /** The position of the last recorded event: with it, a submission waits until everything up to here is stored. */
  get position(): { stream: string; last_seq: number } | null {
    const queue = this.session?.queue;
    return queue === undefined || queue.stream === null ? null : { stream: queue.stream, last_seq: queue.nextSeq - 1 };
  }

  /** Call `listener` now and after every change, at most once per microtask. Returns a function that ends it. */
  onStatus(listener: (status: Status) => void): () => void {
    this.subscribers.add(listener);
    listener(this.status);
    return () => this.subscribers.delete(listener);
  }

  /** Wait until everything recorded is acknowledged, or until the timeout; returns whether it is. */
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
        // The stored queue is not open yet, so its events are not counted.
        if (status.link === "starting") return;
        if (status.pending === 0 || status.link === "over" || status.link === "elsewhere") finish(status.pending === 0);
      });
    });
  }

  /** Continue in this tab or on this device, after another one has taken over. */
  continueHere(): void {
    if (this.link === "elsewhere") void this.leader.takeOver();
    else this.run((session, now) => (session.over === "superseded" ? session.start(now) : []));
  }

  /** The user has signed in again: connect. */
  signedInAgain(): void {
    this.run((session, now) => (session.over === "signed_out" ? session.start(now) : []));
  }

  /** The attempt is over: stop listening, deliver the rest, then delete what is stored on this device. */
  async finish(): Promise<void> {
    this.isFinished = true;
    this.stopListeners();
    this.session?.stopAlive();
    const isDrained = await this.drained(FINISH_MS);
    if (isDrained) await this.persistence?.forget();
    this.stop();
  }

  /** Stop at once. Events that are not delivered stay stored for the next start. */
  stop(): void {
    this.stopListeners();
    this.stopTimer?.();
    clearTimeout(this.timer);
    this.ending.abort();
    void this.store();
    this.run((session, now) => session.leave(now));
    this.leader.stop();
    running.delete(this.options.attemptId);
  }

  /** This tab is in charge: open the stored queue and connect. */
  private async lead(): Promise<void> {
    const persistence = await QueuePersistence.open(this.options.attemptId, (seq) =>
      this.run((session, now) => session.stored(seq, now)),
    );
    if (this.ending.signal.aborted) return;
    this.persistence = persistence;
    this.queueClock = new QueueClock(pageMs(this.startedAt), persistence.clockState);
    this.session = new CandidateSession(persistence.queue, {
      attemptId: this.options.attemptId,
      can: this.options.onInstruction ? CAN : [],
      random: Math.random,
      clock,
    });
    if (this.isFinished) this.session.stopAlive();
    this.link = "connecting";
    this.stopTimer ??= startTimer(() => this.tick());
    this.run((session, now) => session.start(now));
    for (const { type, data } of this.early.splice(0)) this.record(type, data);
    if (this.options.listen !== false && !this.isFinished) {
      this.listeners = startListeners(
        (type, data) => this.record(type, data),
        () => performance.now(),
      );
    }
  }

  private waitForLeader(): void {
    this.link = "elsewhere";
    this.early = [];
    this.notify();
  }

  /** Another tab takes over. It reads the stored queue, so everything must be stored before. */
  private async handOver(): Promise<void> {
    this.stopListeners();
    this.stopTimer?.();
    this.stopTimer = null;
    if (this.persistence?.isStored) await this.store();
    else await this.drained(HAND_OVER_MS);
    this.run((session) => session.handOver());
    this.persistence?.close();
    this.session = null;
    this.persistence = null;
    this.waitForLeader();
  }

  private stopListeners(): void {
    const { listeners } = this;
    this.listeners = null;
    listeners?.stop();
  }

  private tick(): void {
    this.listeners?.tick();
    if (this.session?.isAliveDue(performance.now())) this.record("alive");
    this.run((session, now) => session.tick(now, Date.now()));
  }

  private reconnectNow(): void {
    this.run((session, now) => session.online(now));
  }

  /** The page is closing: the browser still sends one request. A socket would not, and neither would a slow disk. */
  private sendLastWords(): void {
    this.listeners?.flush();
    const { session, persistence, upload } = this;
    if (session === null || persistence === null || upload === null) return;
    const delivery = lastWords(session.queue, DEFAULT_LIMITS.events_per_frame);
    if (delivery === null) return;
    const last = delivery.first_seq + delivery.events.length - 1;
    session.queue.sentByRequest(last);
    persistence.reserve(last);
    void fetch(upload.url, {
      method: "POST",
      keepalive: true,
      credentials: "omit",
      headers: { Authorization: `Bearer ${upload.token}`, "Content-Type": "application/json" },
      body: JSON.stringify(delivery),
    }).catch(() => undefined);
  }

  private receive(text: string): void {
    const frame = readFrame(text);
    if (frame === null) return;
    if (this.inbox !== null) this.inbox.push(frame);
    else this.run((session, now) => session.receive(frame, now));
  }

  /** Run one step of the session, carry out its effects, and report the new status. */
  private run(step: (session: CandidateSession, nowMs: number) => Effect[]): void {
    if (this.session === null) return;
    for (const effect of step(this.session, performance.now())) this.perform(effect);
    this.setTimer();
    this.notify();
  }

  private perform(effect: Effect): void {
    switch (effect.do) {
      case "connect":
        void this.socket.open();
        break;
      case "send":
        this.socket.send(JSON.stringify(effect.frame));
        break;
      case "disconnect":
        this.inbox = null;
        this.socket.cut();
        break;
      case "decrypt":
        void this.decrypt(effect.welcome);
        break;
      case "store":
        void this.store();
        break;
      case "acknowledged":
        this.ackedMs = performance.now();
        this.answers.acknowledged(effect.entries, effect.rejected);
        break;
      case "dropped":
        this.answers.dropped(effect.entries);
        this.persistence?.dropped(effect.entries.map(({ key }) => key));
        break;
      case "carryOut":
        void this.carryOut(effect.instruct);
        break;
    }
  }

  private async decrypt(welcome: Welcome): Promise<void> {
    const { persistence, session } = this;
    if (persistence === null || session === null) return;
    const wasStored = persistence.clockState !== null;
    const inbox: HubFrame[] = [];
    this.inbox = inbox;
    await persistence.decrypt(welcome);
    // The connection has ended in the meantime.
    if (this.inbox !== inbox) return;
    this.inbox = null;
    this.upload = { url: eventsUrl(this.options.url), token: welcome.upload_token };
    const found = wasStored ? this.collectAnswers() : [];
    const streams = [session.queue.stream, welcome.stream, welcome.previous?.stream];
    this.run((current, now) => current.resume(welcome, now, Date.now()));
    this.reportRestored(found, new Set(streams.filter((stream) => typeof stream === "string")));
    for (const frame of inbox) this.run((current, now) => current.receive(frame, now));
  }

  /** Return the answers of the stored queue, with the keys of their events. */
  private collectAnswers(): { key: number; answer: LocalAnswer }[] {
    const found: { key: number; answer: LocalAnswer }[] = [];
    for (const { key, event } of this.session?.queue.entries() ?? []) {
      const answer = answerOf(event);
      if (answer === null || event === null) continue;
      this.answers.recorded(key, event);
      found.push({ key, answer });
    }
    return found;
  }

  private reportRestored(found: { key: number; answer: LocalAnswer }[], streams: ReadonlySet<string>): void {
    if (found.length === 0) return;
    const waiting = new Set([...(this.session?.queue.entries() ?? [])].map(({ key }) => key));
    const restored = found.map(({ key, answer }) => ({ ...answer, isStored: !waiting.has(key) }));
    this.options.onRestored?.(restored, streams);
  }

  private async store(): Promise<void> {
    await this.persistence?.store(this.queueClock, () => this.session?.phase === "open");
    this.notify();
  }

  private async carryOut(instruct: Instruct): Promise<void> {
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

  private notify(): void {
    if (this.isNotifying) return;
    this.isNotifying = true;
    queueMicrotask(() => {
      this.isNotifying = false;
      const { status } = this;
      for (const subscriber of [...this.subscribers]) subscriber(status);
    });
  }

  private mono(): number {
    return this.queueClock.read(pageMs(this.startedAt));
  }
}

const running = new Map<string, Proctor>();

/** Start to proctor an attempt on this page. A second call for the same attempt returns the same object. */
export function start(options: StartOptions): Proctor {
  const known = running.get(options.attemptId);
  if (known !== undefined) return known;
  const proctor = new Proctor(options);
  running.set(options.attemptId, proctor);
  return proctor;
}

/** Deliver the events that this device still stores of an attempt that is over. A hub accepts them for one day. */
export async function deliverStored(options: StartOptions): Promise<void> {
  const store = await Store.open(options.attemptId);
  const stored = await store?.load();
  store?.close();
  if (!stored || stored.events.size === 0 || running.has(options.attemptId)) return;
  await start({ ...options, listen: false }).finish();
}

function pageMs(startedAt: number): number {
  return startedAt + performance.now();
}

/** Return the address for events without a socket, beside that of the socket. */
function eventsUrl(socketUrl: string): string {
  return socketUrl.replace(/^ws/, "http").replace(/\/ws\/monitor(?=$|[?#])/, "/monitor/events");
}

function linkOf(session: CandidateSession): Link {
  if (session.phase === "over" || session.phase === "open" || session.phase === "waiting") return session.phase;
  return "connecting";
}
