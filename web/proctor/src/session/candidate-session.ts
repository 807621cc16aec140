// The protocol between a candidate's client and a hub, as a state machine: it takes frames and moments, and returns effects.
// It must never touch a socket, timer or storage. Moments are milliseconds of one monotonic clock.
//
//   WAITING ──due──▶ OPENING ──socket open──▶ GREETING ──welcome──▶ (ready) ──▶ OPEN ──bye──▶ LEAVING
//      ▲                └──────────── closed, or could not be opened ◀───────────┴───────────────┘
//      └── the close code allows it                  otherwise ──▶ OVER (why)
//
// Between the welcome and `resume` the caller decrypts the stored queue: its key comes with the welcome.

import { ABNORMAL, mayReconnect, Reconnect } from "@veritas/shared/socket/reconnect.ts";
import type { ServerClock } from "@veritas/shared/time.ts";
import type { Attempt, ClientFrame, Done, Event, HubFrame, Instruct, Payload, Rejected, Welcome } from "./frames.ts";
import { CloseCode, LIMITS } from "./frames.ts";
import type { CandidateQueue, QueueEntry } from "../queue/queue.ts";
import { FRAME_OVERHEAD, ProtocolError } from "../queue/queue.ts";

export const CLIENT = { name: "veritas-browser", version: "1" };

/** The connection is dead when nothing was received for this long, not even an answer to a ping. */
export const DEAD_MS = 12_000;
/** After this long without a frame the hub is pinged before the next heartbeat. */
const QUIET_MS = 7_000;
/** The time the hub has to answer after the browser has reported that the network is gone. */
const OFFLINE_MS = 2_000;
/** The time a hub has after `bye` to store and acknowledge the rest. */
export const BYE_MS = 5_000;

export type Phase = "idle" | "waiting" | "opening" | "greeting" | "open" | "leaving" | "over";

/** Why a session is over. `superseded`: a newer connection of the same attempt has replaced this one. */
export type Over = "superseded" | "ended" | "signed_out" | "forbidden" | "refused" | "left";

export type Effect =
  /** Fetch a ticket, open a socket, then call `connected` or `closed`. */
  | { do: "connect" }
  | { do: "send"; frame: ClientFrame }
  /** Drop the socket at once; `closed` is not called for it. */
  | { do: "disconnect" }
  /** Decrypt the stored queue with the key of the welcome, then call `resume`. */
  | { do: "decrypt"; welcome: Welcome }
  /** The queue has changed: store it. */
  | { do: "store" }
  /** The hub has stored these events, or has refused some of them. */
  | { do: "acknowledged"; entries: QueueEntry[]; rejected: Rejected[] }
  /** The queue was full: these events are lost. */
  | { do: "dropped"; entries: QueueEntry[] }
  /** Carry out an instruction, then call `carriedOut`. */
  | { do: "carryOut"; instruct: Instruct };

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
  /** The server's clock; every welcome and pong adds a reading. */
  clock: ServerClock;
}

export class CandidateSession {
  phase: Phase = "idle";
  over: Over | null = null;
  /** The hub's text of its last error. */
  detail = "";
  attempt: Attempt | null = null;
  /** The shortest round trip of the last pings; null before the first. */
  rttMs: number | null = null;
  /** When the next connection is tried, while waiting. */
  retryAtMs = 0;
  private readonly reconnect: Reconnect;
  private openedMs = 0;
  private welcomeByMs = 0;
  private byeByMs = 0;
  private receivedMs = 0;
  private recordedMs = 0;
  private pingedMs = 0;
  private heartbeatMs = 10_000;
  private isRotating = false;
  private hasRetriedTicket = false;
  private isEnded = false;
  private pings = new Map<number, number>();
  private results = new Map<number, Done | null>();

  constructor(
    readonly queue: CandidateQueue,
    private readonly options: SessionOptions,
  ) {
    this.reconnect = new Reconnect(options.random);
  }

  /** Connect; also to continue here after a newer connection has replaced this one. */
  start(nowMs: number): Effect[] {
    this.over = null;
    this.detail = "";
    this.hasRetriedTicket = false;
    this.recordedMs = nowMs;
    return this.connect();
  }

  /** The socket is open: send hello. */
  connected(ticket: string, nowMs: number, wallMs: number, mono: number): Effect[] {
    if (this.phase !== "opening") return [];
    this.phase = "greeting";
    this.openedMs = this.receivedMs = nowMs;
    this.welcomeByMs = nowMs + LIMITS.HELLO_MS;
    this.isRotating = false;
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
      acked_mac: queue.ackedMac,
      pending: queue.marks(),
    };
    return [{ do: "send", frame }];
  }

  /** Take one frame from the hub. */
  receive(frame: HubFrame, nowMs: number): Effect[] {
    this.receivedMs = nowMs;
    this.reconnect.retryWithin(null);
    switch (frame.t) {
      case "welcome":
        return this.phase === "greeting" ? [{ do: "decrypt", welcome: frame }] : [];
      case "ack":
        return this.acked(frame.seq, frame.rejected, frame.mac, nowMs);
      case "window":
        this.queue.setWindow(frame.events, frame.bytes);
        return this.sendDue(nowMs);
      case "instruct":
        return this.receiveInstruction(frame);
      case "attempt":
        this.attempt = { status: frame.status, deadline: frame.deadline, paused: frame.paused };
        return [];
      case "rotate":
        this.queue.rotate();
        return this.leaveRotated(nowMs);
      case "pong":
        this.readPong(frame.at, frame.server_at, nowMs);
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

  /** Continue where the welcome says. The stored queue is decrypted, or there is none. */
  resume(welcome: Welcome, nowMs: number, wallMs: number): Effect[] {
    if (this.phase !== "greeting") return [];
    const { queue } = this;
    // With the mark of that event in the next hello, the hub opens a new stream, and nothing is lost.
    if (!welcome.previous && queue.isSetBack(welcome.last)) return this.cut(nowMs);
    try {
      const { removed } = queue.resume(
        welcome.stream,
        welcome.committed,
        welcome.window,
        welcome.limits,
        welcome.previous,
        { last: welcome.last ?? null, mac: welcome.mac ?? "" },
      );
      this.phase = "open";
      this.reconnect.welcomed();
      this.hasRetriedTicket = false;
      this.attempt = welcome.attempt;
      this.heartbeatMs = welcome.heartbeat_ms;
      this.options.clock.read(welcome.server_at, this.openedMs);
      const { rejected } = welcome;
      const effects: Effect[] =
        removed.length > 0 || rejected.length > 0 ? [{ do: "acknowledged", entries: removed, rejected }] : [];
      return [...effects, { do: "store" }, ...this.ping(nowMs, wallMs), ...this.sendDue(nowMs)];
    } catch (error) {
      return this.fault(error);
    }
  }

  /** The socket has closed or could not be opened; `isSignedOut` when the user is signed out and gets no ticket. */
  closed(code: number, nowMs: number, { isSignedOut = false } = {}): Effect[] {
    if (this.phase === "over" || this.phase === "waiting" || this.phase === "idle") return [];
    const wasLeaving = this.phase === "leaving" && !this.isRotating;
    this.queue.disconnect();
    this.pings.clear();
    if (isSignedOut) return this.end("signed_out");
    if (wasLeaving) return this.end("left");
    if (code === CloseCode.normal && !this.isRotating) return this.wait(nowMs, null);
    if (code === CloseCode.unauthenticated && !this.hasRetriedTicket) {
      this.hasRetriedTicket = true;
      return this.wait(nowMs, 0);
    }
    if (!mayReconnect(code) && code !== CloseCode.normal) return this.end(OVER_BY_CODE[code] ?? "refused");
    if (this.isRotating || code === CloseCode.token_expired) return this.wait(nowMs, 0);
    return this.wait(nowMs);
  }

  /** Queue an event of `size` encoded bytes. */
  record(event: Event, size: number, nowMs: number): Effect[] {
    const { dropped } = this.queue.record(event, size, nowMs);
    this.recordedMs = nowMs;
    const effects: Effect[] = dropped.length > 0 ? [{ do: "dropped", entries: dropped }] : [];
    return [...effects, { do: "store" }, ...this.sendDue(nowMs)];
  }

  /** Everything up to `seq` is stored on this device and may be sent. */
  stored(seq: number, nowMs: number): Effect[] {
    this.queue.clear(seq);
    return this.sendDue(nowMs);
  }

  /** Check what is due now: the next try, a timeout, a ping, or events to send. */
  tick(nowMs: number, wallMs: number): Effect[] {
    switch (this.phase) {
      case "waiting":
        return nowMs >= this.retryAtMs ? this.connect() : [];
      case "greeting":
        return nowMs >= this.welcomeByMs ? this.cut(nowMs) : [];
      case "leaving":
        return nowMs >= this.byeByMs ? this.cut(nowMs) : [];
      case "open": {
        if (nowMs - this.receivedMs >= DEAD_MS) return this.cut(nowMs);
        const sincePingMs = nowMs - this.pingedMs;
        const isDue =
          sincePingMs >= this.heartbeatMs || (nowMs - this.receivedMs >= QUIET_MS && sincePingMs >= QUIET_MS);
        return [...(isDue ? this.ping(nowMs, wallMs) : []), ...this.sendDue(nowMs)];
      }
      default:
        return [];
    }
  }

  /** Whether an `alive` event is due, because nothing was recorded for some time. */
  isAliveDue(nowMs: number): boolean {
    return this.over === null && !this.isEnded && nowMs - this.recordedMs >= LIMITS.ALIVE_MS;
  }

  /** Record no more `alive` events: the attempt is over, and only the rest is delivered. */
  stopAlive(): void {
    this.isEnded = true;
  }

  /** How long until `tick` is due; null when it is not. The caller ticks twice a second in any case. */
  dueMs(nowMs: number): number | null {
    if (this.phase === "waiting") return Math.max(0, this.retryAtMs - nowMs);
    return this.phase === "open" ? this.queue.waitMs(nowMs) : null;
  }

  /** The network is back: connect at once if a try is waiting. */
  online(nowMs: number): Effect[] {
    this.reconnect.reset();
    if (this.phase !== "waiting") return [];
    this.retryAtMs = nowMs;
    return this.connect();
  }

  /** The browser reports that the network is gone. It is often wrong, so ping the hub with a short timeout. */
  offline(nowMs: number, wallMs: number): Effect[] {
    if (this.phase !== "open") return [];
    this.receivedMs = Math.min(this.receivedMs, nowMs - DEAD_MS + OFFLINE_MS);
    return this.ping(nowMs, wallMs);
  }

  /** An instruction was carried out; `code` says why it failed, null that it did not. */
  carriedOut(id: number, code: string | null): Effect[] {
    this.results.set(id, code === null ? { t: "done", id, ok: true } : { t: "done", id, ok: false, code });
    return this.sendResult(id);
  }

  /** Leave: the hub stores what it has received and closes. */
  leave(nowMs: number): Effect[] {
    if (this.phase === "over") return [];
    if (this.phase !== "open") {
      const cut: Effect[] = this.phase === "opening" || this.phase === "greeting" ? [{ do: "disconnect" }] : [];
      this.end("left");
      return cut;
    }
    return this.sayBye(nowMs);
  }

  /** Leave at once, because another tab of this browser takes over. */
  handOver(): Effect[] {
    this.queue.disconnect();
    this.end("superseded");
    return [{ do: "disconnect" }];
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
    return [{ do: "disconnect" }, ...this.closed(ABNORMAL, nowMs)];
  }

  private fault(error: unknown): Effect[] {
    if (!(error instanceof ProtocolError)) throw error;
    this.detail = error.message;
    this.queue.disconnect();
    return [{ do: "disconnect" }, ...this.end("refused")];
  }

  private acked(seq: number, rejected: Rejected[], mac: string | undefined, nowMs: number): Effect[] {
    if (this.phase !== "open" && this.phase !== "leaving") return [];
    this.reconnect.proven();
    try {
      const removed = this.queue.acknowledge(seq, mac);
      return [
        { do: "acknowledged", entries: removed, rejected },
        { do: "store" },
        ...this.leaveRotated(nowMs),
        ...this.sendDue(nowMs),
      ];
    } catch (error) {
      return this.fault(error);
    }
  }

  /** Start a new stream once the old one is fully acknowledged, if the hub wants one. */
  private leaveRotated(nowMs: number): Effect[] {
    if (!this.queue.hasRotated || this.phase !== "open") return [];
    this.isRotating = true;
    return this.sayBye(nowMs);
  }

  private sayBye(nowMs: number): Effect[] {
    this.phase = "leaving";
    this.byeByMs = nowMs + BYE_MS;
    return [{ do: "send", frame: { t: "bye" } }];
  }

  private sendDue(nowMs: number): Effect[] {
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

  private readPong(at: number, serverAt: number, nowMs: number): void {
    const sentMs = this.pings.get(at);
    this.pings.delete(at);
    if (sentMs === undefined) return;
    this.rttMs = Math.min(nowMs - sentMs, this.rttMs === null ? Infinity : this.rttMs * 1.1);
    this.options.clock.read(serverAt, sentMs);
  }

  /** Carry out an instruction once. When it is received again, the hub did not get the result: send it again. */
  private receiveInstruction(instruct: Instruct): Effect[] {
    const { id } = instruct;
    if (!this.options.can.includes(instruct.action)) {
      this.results.set(id, { t: "done", id, ok: false, code: "unsupported" });
    }
    if (this.results.has(id)) return this.sendResult(id);
    this.results.set(id, null);
    return [{ do: "carryOut", instruct }];
  }

  private sendResult(id: number): Effect[] {
    const done = this.results.get(id);
    return done && this.phase === "open" ? [{ do: "send", frame: done }] : [];
  }
}

/** Return whether an event of `size` encoded bytes fits into a frame. */
export function fitsFrame(size: number, frameBytes: number): boolean {
  return size + FRAME_OVERHEAD <= frameBytes;
}

/** Make an event without empty members. */
export function makeEvent(type: string, at: number, mono: number, data: Payload | undefined): Event {
  return data === undefined ? { type, at, mono } : { type, at, mono, data };
}
