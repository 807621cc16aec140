/**
 * The console's socket: says hello, measures the server's clock, renews the sign-in, and connects again as the close codes
 * allow (docs/wire/README.md). All other frames belong to its owner.
 */

import { ABNORMAL, Reconnect, mayReconnect } from "@veritas/shared/socket/reconnect.ts";
import { TicketSocket } from "@veritas/shared/socket/ticket-socket.ts";
import { clock } from "@veritas/shared/time.ts";
import { CloseCode } from "@veritas/shared/wire/codes.ts";
import type { HubFrame, Welcome } from "./frames.ts";

/** After this time without a frame, a ping asks whether the hub still answers. */
const PING_MS = 4_000;
const TICK_MS = 1_000;
/** After this time without an answer to a ping, the connection counts as lost. */
const LOST_MS = 8_000;
const WELCOME_DUE_MS = 10_000;
const RENEW_RETRY_MS = 5_000;
const RENEW_BEFORE_MS = 60_000;
const RENEW_MIN_MS = 1_000;

export type SocketState =
  | { kind: "connecting" }
  | { kind: "live" }
  /** Until when, by `performance.now()`. */
  | { kind: "waiting"; until: number }
  | { kind: "closed"; code: number; detail: string };

export interface AccessToken {
  readonly token: string;
  /** ms since the epoch, by the server's clock. */
  readonly until: number;
}

export interface Credentials {
  /** Fetches a ticket. Throws SignedOut when the user is signed out. */
  getTicket: () => Promise<string>;
  getToken: () => Promise<AccessToken>;
}

export interface SocketOwner {
  /** Called at every change and once a second. */
  onState(state: SocketState): void;
  onWelcome(welcome: Welcome): void;
  onFrame(frame: HubFrame): void;
}

/** How long to wait before the renewal of a sign-in that ends in `leftMs`. */
export function renewInMs(leftMs: number): number {
  return Math.max(RENEW_MIN_MS, leftMs - RENEW_BEFORE_MS, Math.min(leftMs / 2, RENEW_BEFORE_MS));
}

export class ConsoleSocket {
  state: SocketState = { kind: "connecting" };
  /** When the last frame was received, by `performance.now()`. */
  receivedAt = 0;

  private readonly socket: TicketSocket;
  private readonly reconnect = new Reconnect();
  private isWelcomed = false;
  private openedAt = 0;
  private sentAt = 0;
  private pingedAt = 0;
  private detail = "";
  private ticker: ReturnType<typeof setInterval> | undefined;
  private waiter: ReturnType<typeof setTimeout> | undefined;
  private renewer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    url: string,
    private readonly credentials: Credentials,
    private readonly owner: SocketOwner,
  ) {
    this.socket = new TicketSocket(url, credentials.getTicket, {
      onOpen: (ticket) => this.onOpen(ticket),
      onText: (text) => this.onText(text),
      onClose: (code, { isSignedOut }) => this.onClose(isSignedOut ? CloseCode.unauthenticated : code),
    });
  }

  start(): void {
    addEventListener("online", this.hurry);
    addEventListener("visibilitychange", this.onVisibility);
    this.ticker = setInterval(this.tick, TICK_MS);
    this.open();
  }

  stop(): void {
    removeEventListener("online", this.hurry);
    removeEventListener("visibilitychange", this.onVisibility);
    clearInterval(this.ticker);
    clearTimeout(this.waiter);
    clearTimeout(this.renewer);
    this.send({ t: "bye" });
    this.socket.cut(CloseCode.normal);
  }

  /** Send a frame if connected. The owner sends what matters again after the next welcome. */
  send(frame: object): void {
    if (this.isWelcomed) this.write(frame);
  }

  /** Connect now if the socket waits for its next try: the network may be back. */
  hurry = (): void => {
    if (this.state.kind !== "waiting") return;
    this.reconnect.reset();
    clearTimeout(this.waiter);
    this.open();
  };

  /** Connect again if the socket is closed because the user was signed out. */
  signedInAgain(): void {
    if (this.state.kind !== "closed" || this.state.code !== CloseCode.unauthenticated) return;
    this.reconnect.reset();
    this.open();
  }

  private onVisibility = (): void => {
    if (document.visibilityState === "visible") this.hurry();
  };

  private open(): void {
    this.isWelcomed = false;
    this.openedAt = 0;
    this.pingedAt = 0;
    this.detail = "";
    this.setState({ kind: "connecting" });
    void this.socket.open();
  }

  private onOpen(ticket: string): void {
    this.openedAt = performance.now();
    this.reconnect.opened(this.openedAt);
    this.write({ t: "hello", ticket });
  }

  private onText(text: string): void {
    const now = performance.now();
    this.receivedAt = now;
    const frame = JSON.parse(text) as HubFrame;
    switch (frame.t) {
      case "welcome":
        this.onWelcome(frame);
        break;
      case "pong":
        clock.read(frame.server_at, this.pingedAt);
        break;
      case "drain":
        this.reconnect.drainWithin(frame.in_ms);
        break;
      case "error":
        this.reconnect.retryWithin(frame.retry_ms ?? null);
        this.detail = frame.detail;
    }
    this.owner.onFrame(frame);
    // The timers of a hidden tab are slow, but frames arrive on time.
    if (this.isWelcomed && now - this.sentAt > PING_MS) this.ping();
  }

  private onWelcome(welcome: Welcome): void {
    this.isWelcomed = true;
    this.reconnect.welcomed();
    clock.read(welcome.server_at, this.sentAt);
    this.renewLater(welcome.auth_until);
    this.setState({ kind: "live" });
    this.owner.onWelcome(welcome);
  }

  private renewLater(until: number): void {
    clearTimeout(this.renewer);
    this.renewer = setTimeout(() => void this.renew(), renewInMs(until - clock.now()));
  }

  private async renew(): Promise<void> {
    const { openedAt } = this;
    const isSame = (): boolean => this.isWelcomed && this.openedAt === openedAt;
    try {
      const access = await this.credentials.getToken();
      if (!isSame()) return;
      this.write({ t: "auth", token: access.token });
      this.renewLater(access.until);
    } catch {
      // If it fails until the end, the hub closes the socket, and the next ticket shows why.
      if (isSame()) this.renewer = setTimeout(() => void this.renew(), RENEW_RETRY_MS);
    }
  }

  private tick = (): void => {
    const now = performance.now();
    this.owner.onState(this.state);
    if (!this.socket.isOpen) return;
    const isUnanswered = this.pingedAt > this.receivedAt;
    if (!this.isWelcomed) {
      if (now - this.openedAt > WELCOME_DUE_MS) this.drop();
    } else if (isUnanswered && now - this.pingedAt > LOST_MS) this.drop();
    else if (!isUnanswered && now - Math.max(this.sentAt, this.pingedAt) > PING_MS) this.ping();
  };

  private ping(): void {
    this.pingedAt = performance.now();
    this.write({ t: "ping", at: Date.now() });
  }

  private write(frame: object): void {
    if (!this.socket.isOpen) return;
    this.sentAt = performance.now();
    this.socket.send(JSON.stringify(frame));
  }

  private drop(): void {
    this.socket.cut();
    this.onClose(ABNORMAL);
  }

  private onClose(code: number): void {
    clearTimeout(this.renewer);
    if (mayReconnect(code)) {
      const delay = this.reconnect.delayMs(performance.now());
      this.setState({ kind: "waiting", until: performance.now() + delay });
      this.waiter = setTimeout(() => this.open(), delay);
    } else {
      this.reconnect.ended();
      this.setState({ kind: "closed", code, detail: this.detail });
    }
    this.isWelcomed = false;
  }

  private setState(state: SocketState): void {
    this.state = state;
    this.owner.onState(state);
  }
}
