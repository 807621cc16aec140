// The candidate's conversation with a hub as a state machine: a moment and what happened go in, effects come out.
// Pure: no socket, timer, storage or random of its own; moments are milliseconds of one monotonic clock.
//
//   WAITING ──due──▶ OPENING ──socket open──▶ GREETING ──welcome──▶ (ready) ──▶ OPEN ──bye──▶ LEAVING
//      ▲                └──────────── closed, or could not be opened ◀───────────┴───────────────┘
//      └── the close code allows it                  otherwise ──▶ OVER (why)
//
// Between the welcome and `resume` the shell may have to read the stored queue, whose key comes with the welcome.

import { ABNORMAL, mayReconnect, Reconnect } from "@veritas/shared/socket/reconnect.ts";
import type { ServerClock } from "@veritas/shared/time.ts";
import type { Attempt, ClientFrame, Done, Event, HubFrame, Instruct, Payload, Rejected, Welcome } from "./frames.ts";
import { CloseCode, LIMITS } from "./frames.ts";
import type { CandidateQueue, Numbered } from "../queue/queue.ts";
import { FRAME_OVERHEAD, HubFault } from "../queue/queue.ts";

export const CLIENT = { name: "veritas-browser", version: "1" };

/** A hub of which nothing at all was heard for this long, although it was pinged, is gone. */
export const DEAF_MS = 12_000;
/** After so long a silence it is pinged out of turn. */
const QUIET_MS = 7_000;
/** How long it may still take to answer when the machine says that its network is gone. */
const OFFLINE_MS = 2_000;
/** How long a hub may take to store and acknowledge the rest after `bye`. */
export const BYE_MS = 5_000;

export type Phase = "idle" | "waiting" | "opening" | "greeting" | "open" | "leaving" | "over";

/** Why a session is over: another connection took its place, the attempt has ended, the sign-in has, or it was refused. */
export type Over = "superseded" | "ended" | "signed_out" | "forbidden" | "refused" | "left";

export type Effect =
  /** Fetch a ticket, open a socket, then call `connected` or `closed`. */
  | { do: "connect" }
  | { do: "send"; frame: ClientFrame }
  /** Drop the socket without waiting for anything; `closed` is not called for it. */
  | { do: "cut" }
  /** Have the stored queue read with the welcome's key, then call `resume`. */
  | { do: "unlock"; welcome: Welcome }
  /** Numbers, keys or events have changed: write them down. */
  | { do: "keep" }
  /** What left the queue because the hub has it, or says the old stream has. */
  | { do: "gone"; gone: Numbered[]; rejected: Rejected[] }
  /** Events were given up because the queue was full. */
  | { do: "dropped"; dropped: Numbered[] }
  /** Carry out what a person asks, then call `carriedOut`. */
  | { do: "carry"; instruct: Instruct };

const OVER_BY_CODE: Readonly<Record<number, Over>> = {
  [CloseCode.normal]: "left",
  [CloseCode.unauthenticated]: "signed_out",
  [CloseCode.forbidden]: "forbidden",
  [CloseCode.superseded]: "superseded",
  [CloseCode.ended]: "ended",
};

export interface SessionOptions {
  attemptId: string;
  can: readonly string[];
  random: () => number;
  /** The server's clock; what this conversation tells of it is read into it. */
  clock: ServerClock;
}

export class CandidateSession {
  phase: Phase = "idle";
  over: Over | null = null;
  /** Why the hub refused, in its own words, when it did. */
  detail = "";
  attempt: Attempt | null = null;
  /** The shortest round trip of the last pings; null before the first. */
  rttMs: number | null = null;
  /** When the next connection is tried, while waiting. */
  retryAtMs = 0;
  private readonly reconnect: Reconnect;
  private openedMs = 0;
  private greetByMs = 0;
  private byeByMs = 0;
  private heardMs = 0;
  private recordedMs = 0;
  private pingedMs = 0;
  private heartbeatMs = 10_000;
  private isReturning = false;
  private hasTriedAnew = false;
  private isEnded = false;
  private pings = new Map<number, number>();
  private answers = new Map<number, Done | null>();

  constructor(
    readonly queue: CandidateQueue,
    private readonly options: SessionOptions,
  ) {
    this.reconnect = new Reconnect(options.random);
  }

  /** Begin to connect; also "continue here" after another connection took this one's place. */
  start(nowMs: number): Effect[] {
    this.over = null;
    this.detail = "";
    this.hasTriedAnew = false;
    this.recordedMs = nowMs;
    return this.connect();
  }

  /** The socket is open: say who this is. */
  connected(ticket: string, nowMs: number, wallMs: number, mono: number): Effect[] {
    if (this.phase !== "opening") return [];
    this.phase = "greeting";
    this.openedMs = this.heardMs = nowMs;
    this.greetByMs = nowMs + LIMITS.HELLO_MS;
    this.isReturning = false;
    this.reconnect.opened(nowMs);
    const { queue } = this;
    const frame: ClientFrame = {
      t: "hello",
      ticket,
      attempt_id: this.options.attemptId,
      boot: queue.boot,
      stream: queue.stream,
      acked: queue.acked,
      next_seq: queue.nextSeqForHello,
      can: [...this.options.can],
      client: CLIENT,
      mono,
      at: wallMs,
    };
    return [{ do: "send", frame }];
  }

  /** Take one frame of the hub. */
  receive(frame: HubFrame, nowMs: number): Effect[] {
    this.heardMs = nowMs;
    this.reconnect.retryWithin(null);
    switch (frame.t) {
      case "welcome":
        return this.phase === "greeting" ? [{ do: "unlock", welcome: frame }] : [];
      case "ack":
        return this.acked(frame.seq, frame.rejected, nowMs);
      case "window":
        this.queue.setWindow(frame.events, frame.bytes);
        return this.pump(nowMs);
      case "instruct":
        return this.instructed(frame);
      case "attempt":
        this.attempt = { status: frame.status, deadline: frame.deadline, paused: frame.paused };
        return [];
      case "rotate":
        this.queue.rotate();
        return this.turn(nowMs);
      case "pong":
        this.learn(frame.at, frame.server_at, nowMs);
        return [];
      case "drain":
        this.reconnect.drainWithin(frame.in_ms);
        return [];
      case "error":
        this.detail = frame.detail;
        this.reconnect.retryWithin(frame.retry_ms);
        return [];
    }
  }

  /** Go on where the welcome says; the stored queue is readable now, or there is none. */
  resume(welcome: Welcome, nowMs: number, wallMs: number): Effect[] {
    if (this.phase !== "greeting") return [];
    try {
      const { queue } = this;
      const { gone } = queue.resume(
        welcome.stream,
        welcome.committed,
        welcome.window,
        welcome.limits,
        welcome.previous,
      );
      this.phase = "open";
      this.reconnect.welcomed();
      this.hasTriedAnew = false;
      this.attempt = welcome.attempt;
      this.heartbeatMs = welcome.heartbeat_ms;
      this.options.clock.read(welcome.server_at, this.openedMs);
      const { rejected } = welcome;
      const told: Effect[] = gone.length > 0 || rejected.length > 0 ? [{ do: "gone", gone, rejected }] : [];
      return [...told, { do: "keep" }, ...this.ping(nowMs, wallMs), ...this.pump(nowMs)];
    } catch (error) {
      return this.fault(error);
    }
  }

  /** The socket has closed, or could not be opened; `isSignedOut` when there was not even a ticket to be had. */
  closed(code: number, nowMs: number, { isSignedOut = false } = {}): Effect[] {
    if (this.phase === "over" || this.phase === "waiting" || this.phase === "idle") return [];
    const wasLeaving = this.phase === "leaving" && !this.isReturning;
    this.queue.disconnect();
    this.pings.clear();
    if (isSignedOut) return this.end("signed_out");
    if (wasLeaving) return this.end("left");
    if (code === CloseCode.normal && !this.isReturning) return this.wait(nowMs, null);
    if (code === CloseCode.unauthenticated && !this.hasTriedAnew) {
      this.hasTriedAnew = true;
      return this.wait(nowMs, 0);
    }
    if (!mayReconnect(code) && code !== CloseCode.normal) return this.end(OVER_BY_CODE[code] ?? "refused");
    if (this.isReturning || code === CloseCode.token_expired) return this.wait(nowMs, 0);
    return this.wait(nowMs);
  }

  /** Number an event of `size` encoded bytes and queue it. */
  record(event: Event, size: number, nowMs: number): Effect[] {
    const { dropped } = this.queue.record(event, size, nowMs);
    this.recordedMs = nowMs;
    const told: Effect[] = dropped.length > 0 ? [{ do: "dropped", dropped }] : [];
    return [...told, { do: "keep" }, ...this.pump(nowMs)];
  }

  /** The disk knows all numbers up to `seq`: they may go. */
  cleared(seq: number, nowMs: number): Effect[] {
    this.queue.clear(seq);
    return this.pump(nowMs);
  }

  /** Let time pass: for the next try, the welcome, silence, `alive`, ping and goodbye. */
  tick(nowMs: number, wallMs: number): Effect[] {
    switch (this.phase) {
      case "waiting":
        return nowMs >= this.retryAtMs ? this.connect() : [];
      case "greeting":
        return nowMs >= this.greetByMs ? this.cut(nowMs) : [];
      case "leaving":
        return nowMs >= this.byeByMs ? this.cut(nowMs) : [];
      case "open": {
        if (nowMs - this.heardMs >= DEAF_MS) return this.cut(nowMs);
        const pausedMs = nowMs - this.pingedMs;
        const isDue = pausedMs >= this.heartbeatMs || (nowMs - this.heardMs >= QUIET_MS && pausedMs >= QUIET_MS);
        return [...(isDue ? this.ping(nowMs, wallMs) : []), ...this.pump(nowMs)];
      }
      default:
        return [];
    }
  }

  /** Whether nothing was recorded for so long that an `alive` is due. */
  isQuiet(nowMs: number): boolean {
    return this.over === null && !this.isEnded && nowMs - this.recordedMs >= LIMITS.ALIVE_MS;
  }

  /** No more `alive`: the attempt is over, only what was recorded is still delivered. */
  silence(): void {
    this.isEnded = true;
  }

  /** How long until something is due for this connection; the shell sets a timer beside its heartbeat. */
  dueMs(nowMs: number): number | null {
    if (this.phase === "waiting") return Math.max(0, this.retryAtMs - nowMs);
    return this.phase === "open" ? this.queue.waitMs(nowMs) : null;
  }

  /** The network has come back: connect at once if waiting to. */
  online(nowMs: number): Effect[] {
    this.reconnect.reset();
    if (this.phase !== "waiting") return [];
    this.retryAtMs = nowMs;
    return this.connect();
  }

  /** The machine says that its network is gone: believe it only when the hub does not answer either. */
  offline(nowMs: number, wallMs: number): Effect[] {
    if (this.phase !== "open") return [];
    this.heardMs = Math.min(this.heardMs, nowMs - DEAF_MS + OFFLINE_MS);
    return this.ping(nowMs, wallMs);
  }

  /** An instruction was carried out, or could not be: then `code` says why. */
  carriedOut(id: number, code: string | null): Effect[] {
    this.answers.set(id, code === null ? { t: "done", id, ok: true } : { t: "done", id, ok: false, code });
    return this.answer(id);
  }

  /** Say goodbye: the hub stores what it has and closes. */
  leave(nowMs: number): Effect[] {
    if (this.phase === "over") return [];
    if (this.phase !== "open") {
      const cut: Effect[] = this.phase === "opening" || this.phase === "greeting" ? [{ do: "cut" }] : [];
      this.end("left");
      return cut;
    }
    return this.sayBye(nowMs);
  }

  /** Leave at once, for another tab of this page. */
  yield(): Effect[] {
    this.queue.disconnect();
    this.end("superseded");
    return [{ do: "cut" }];
  }

  private connect(): Effect[] {
    this.phase = "opening";
    return [{ do: "connect" }];
  }

  private wait(nowMs: number, withinMs?: number | null): Effect[] {
    this.phase = "waiting";
    this.retryAtMs = nowMs + this.reconnect.delayMs(nowMs, withinMs);
    return [];
  }

  private end(why: Over): Effect[] {
    this.reconnect.ended();
    this.phase = "over";
    this.over = why;
    return [];
  }

  private cut(nowMs: number): Effect[] {
    return [{ do: "cut" }, ...this.closed(ABNORMAL, nowMs)];
  }

  private fault(error: unknown): Effect[] {
    if (!(error instanceof HubFault)) throw error;
    this.detail = error.message;
    this.queue.disconnect();
    return [{ do: "cut" }, ...this.end("refused")];
  }

  private acked(seq: number, rejected: Rejected[], nowMs: number): Effect[] {
    if (this.phase !== "open" && this.phase !== "leaving") return [];
    this.reconnect.proven();
    try {
      const gone = this.queue.acknowledge(seq);
      return [{ do: "gone", gone, rejected }, { do: "keep" }, ...this.turn(nowMs), ...this.pump(nowMs)];
    } catch (error) {
      return this.fault(error);
    }
  }

  /** Leave for a new stream once the old one has been acknowledged. */
  private turn(nowMs: number): Effect[] {
    if (!this.queue.hasRotated || this.phase !== "open") return [];
    this.isReturning = true;
    return this.sayBye(nowMs);
  }

  private sayBye(nowMs: number): Effect[] {
    this.phase = "leaving";
    this.byeByMs = nowMs + BYE_MS;
    return [{ do: "send", frame: { t: "bye" } }];
  }

  private pump(nowMs: number): Effect[] {
    const effects: Effect[] = [];
    while (this.phase === "open" && this.queue.waitMs(nowMs) === 0) {
      const frame = this.queue.take();
      if (frame === null) break;
      effects.push({ do: "send", frame });
    }
    return effects;
  }

  private ping(nowMs: number, wallMs: number): Effect[] {
    this.pingedMs = nowMs;
    this.pings.set(wallMs, nowMs);
    return [{ do: "send", frame: { t: "ping", at: wallMs } }];
  }

  private learn(at: number, serverAt: number, nowMs: number): void {
    const sentMs = this.pings.get(at);
    this.pings.delete(at);
    if (sentMs === undefined) return;
    this.rttMs = Math.min(nowMs - sentMs, this.rttMs === null ? Infinity : this.rttMs * 1.1);
    this.options.clock.read(serverAt, sentMs);
  }

  /** Take an instruction once; one that was answered before is answered again, the hub had not heard. */
  private instructed(instruct: Instruct): Effect[] {
    const { id } = instruct;
    if (!this.options.can.includes(instruct.action)) {
      this.answers.set(id, { t: "done", id, ok: false, code: "unsupported" });
    }
    if (this.answers.has(id)) return this.answer(id);
    this.answers.set(id, null);
    return [{ do: "carry", instruct }];
  }

  private answer(id: number): Effect[] {
    const done = this.answers.get(id);
    return done && this.phase === "open" ? [{ do: "send", frame: done }] : [];
  }
}

/** Whether an event of `size` encoded bytes fits into any frame. */
export function fitsFrame(size: number, frameBytes: number): boolean {
  return size + FRAME_OVERHEAD <= frameBytes;
}

/** An event as it is recorded. */
export function makeEvent(type: string, at: number, mono: number, data: Payload | undefined): Event {
  return data === undefined ? { type, at, mono } : { type, at, mono, data };
}
