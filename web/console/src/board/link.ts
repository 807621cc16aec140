/**
 * One console's socket kept alive: opened with a fresh ticket, watched, and opened again as the close codes allow
 * (WIRE §4). It knows no frame but `hello`, `ping`, `auth` and `bye`; what is said over it is its owner's. There is
 * never a second socket at a time.
 */

import { clock } from "@veritas/shared/time.ts";
import { Backoff, PROVEN_MS, mayReconnect, renewInMs } from "./reconnect.ts";
import type { ErrorFrame, HubFrame, Welcome } from "./frames.ts";

/** How often the hub is asked whether it is there, when it says nothing by itself. */
const PING_MS = 4_000;
const TICK_MS = 1_000;
/** A ping unanswered for this long: the hub is gone, or the way to it. */
const DEAD_MS = 8_000;
const OPEN_MS = 10_000;
const NO_CLOSE_FRAME = 1006;

export type LinkState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "waiting"; until: number }
  | { kind: "over"; code: number; detail: string };

export interface Access {
  readonly token: string;
  readonly until: number;
}

export interface LinkOwner {
  getTicket(): Promise<string>;
  getToken(): Promise<Access>;
  /** Whether a failure to get a ticket means that nobody is signed in any more. */
  isFinal(error: unknown): boolean;
  onState(state: LinkState): void;
  /** The hub knows us: say what matters again. */
  onWelcome(welcome: Welcome): void;
  onFrame(frame: HubFrame): void;
}

export class Link {
  state: LinkState = { kind: "connecting" };
  /** When the hub was last heard, by `performance.now()`. */
  heardAt = 0;

  private socket: WebSocket | null = null;
  private welcomed = false;
  private stopped = false;
  private openedAt = 0;
  private sentAt = 0;
  private pingedAt = 0;
  private waitMs: number | null = null;
  private detail = "";
  private readonly backoff = new Backoff();
  private ticker: ReturnType<typeof setInterval> | undefined;
  private waiter: ReturnType<typeof setTimeout> | undefined;
  private renewer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly owner: LinkOwner,
  ) {}

  start(): void {
    addEventListener("online", this.hurry);
    addEventListener("visibilitychange", this.look);
    this.ticker = setInterval(this.tick, TICK_MS);
    void this.open();
  }

  stop(): void {
    this.stopped = true;
    removeEventListener("online", this.hurry);
    removeEventListener("visibilitychange", this.look);
    clearInterval(this.ticker);
    clearTimeout(this.waiter);
    clearTimeout(this.renewer);
    if (this.welcomed) this.say({ t: "bye" });
    this.socket?.close(1000);
    this.socket = null;
  }

  /** Send if connected; what matters is said again after the next welcome. */
  send(frame: object): void {
    if (this.welcomed) this.say(frame);
  }

  /** The network may have come back: connect at once if it is waiting to. */
  hurry = (): void => {
    if (this.state.kind !== "waiting") return;
    this.backoff.startOver();
    clearTimeout(this.waiter);
    void this.open();
  };

  private look = (): void => {
    if (document.visibilityState === "visible") this.hurry();
  };

  private async open(): Promise<void> {
    this.set({ kind: "connecting" });
    let ticket: string;
    try {
      ticket = await this.owner.getTicket();
    } catch (error) {
      if (this.stopped) return;
      if (this.owner.isFinal(error)) this.set({ kind: "over", code: 4401, detail: "The sign-in has ended." });
      else this.end(NO_CLOSE_FRAME);
      return;
    }
    if (this.stopped) return;
    const socket = new WebSocket(this.url, "veritas.v1.json");
    this.socket = socket;
    this.welcomed = false;
    this.waitMs = null;
    this.detail = "";
    this.pingedAt = 0;
    this.openedAt = performance.now();
    socket.onopen = () => this.say({ t: "hello", ticket });
    socket.onmessage = (event) => {
      if (this.socket === socket && typeof event.data === "string") this.receive(event.data);
    };
    socket.onclose = (event) => {
      if (this.socket === socket) this.end(event.code);
    };
  }

  private receive(data: string): void {
    const now = performance.now();
    this.heardAt = now;
    const frame = JSON.parse(data) as HubFrame;
    switch (frame.t) {
      case "welcome":
        this.welcomed = true;
        clock.read(frame.server_at, this.sentAt);
        this.renewLater(frame.auth_until);
        this.set({ kind: "live" });
        this.owner.onWelcome(frame);
        break;
      case "pong":
        clock.read(frame.server_at, this.pingedAt);
        break;
      case "drain":
        this.waitMs = frame.in_ms;
        break;
      case "error":
        this.waitMs = (frame as ErrorFrame).retry_ms ?? null;
        this.detail = frame.detail;
    }
    this.owner.onFrame(frame);
    // Hidden tabs have slow timers; what comes in wakes us anyway.
    if (this.welcomed && now - this.sentAt > PING_MS) this.ping();
  }

  private renewLater(until: number): void {
    clearTimeout(this.renewer);
    this.renewer = setTimeout(() => void this.renew(), renewInMs(until - clock.now()));
  }

  private async renew(): Promise<void> {
    const socket = this.socket;
    try {
      const access = await this.owner.getToken();
      if (this.socket !== socket || !this.welcomed) return;
      this.say({ t: "auth", token: access.token });
      this.renewLater(access.until);
    } catch {
      // The hub closes 4419 if it stays like this, and the next ticket tells why.
      if (this.socket === socket && this.welcomed) this.renewer = setTimeout(() => void this.renew(), TICK_MS * 5);
    }
  }

  private tick = (): void => {
    const now = performance.now();
    // Says how old what is shown is, whether or not there is a connection.
    this.owner.onState(this.state);
    if (this.socket === null) return;
    if (!this.welcomed) {
      if (now - this.openedAt > OPEN_MS) this.cut();
    } else if (this.pingedAt > this.heardAt && now - this.pingedAt > DEAD_MS) this.cut();
    else if (this.pingedAt <= this.heardAt && now - Math.max(this.sentAt, this.pingedAt) > PING_MS) this.ping();
  };

  private ping(): void {
    this.pingedAt = performance.now();
    this.say({ t: "ping", at: Date.now() });
  }

  private say(frame: object): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.sentAt = performance.now();
    this.socket.send(JSON.stringify(frame));
  }

  private cut(): void {
    this.socket?.close();
    this.end(NO_CLOSE_FRAME);
  }

  private end(code: number): void {
    this.socket = null;
    clearTimeout(this.renewer);
    if (this.stopped) return;
    const proven = this.welcomed && performance.now() - this.openedAt > PROVEN_MS;
    this.welcomed = false;
    if (!mayReconnect(code)) {
      this.set({ kind: "over", code, detail: this.detail });
      return;
    }
    const pause = this.backoff.after({ waitMs: this.waitMs, proven });
    this.set({ kind: "waiting", until: performance.now() + pause });
    this.waiter = setTimeout(() => void this.open(), pause);
  }

  private set(state: LinkState): void {
    this.state = state;
    this.owner.onState(state);
  }
}
