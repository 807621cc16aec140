// When a client of the hub connects again: the rules for the exam page and the console, by docs/wire/README.md. Pure:
// moments are milliseconds of one monotonic clock and come in as arguments. It must never open or close a socket.

import { FINAL_CODES } from "../wire/codes.ts";
import { Backoff } from "./backoff.ts";

/** The close code of a socket that ended without a close frame, or that could not be opened. */
export const ABNORMAL = 1006;

/** A connection that lasted this long, or received an acknowledgement, resets the backoff. */
export const PROVEN_MS = 5_000;

const FINAL: ReadonlySet<number> = new Set(FINAL_CODES);

/** Return whether a client may connect again by itself after this close code. */
export function mayReconnect(code: number): boolean {
  return !FINAL.has(code);
}

/** The state from which the delay before the next connection is computed. */
export class Reconnect {
  private readonly backoff: Backoff;
  private isWelcome = false;
  private openedMs = 0;
  private isProven = false;
  private drainMs: number | null = null;
  private retryMs: number | null = null;

  /** `random` returns numbers in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.backoff = new Backoff(random);
  }

  /** A socket has opened: delays that an earlier connection requested no longer count. */
  opened(nowMs: number): void {
    this.openedMs = nowMs;
    this.isWelcome = false;
    this.isProven = false;
    this.drainMs = this.retryMs = null;
  }

  /** The hub has accepted the client. */
  welcomed(): void {
    this.isWelcome = true;
  }

  /** The hub has acknowledged something: the connection works, however short it is. */
  proven(): void {
    this.isProven = true;
  }

  /** The hub drains: come back within `ms`. Counts more than `retryWithin`. */
  drainWithin(ms: number): void {
    this.drainMs = ms;
  }

  /** An error frame named a delay, or null: come back within `ms`. */
  retryWithin(ms: number | null): void {
    this.retryMs = ms;
  }

  /** The delay that the hub requested; null when it did not. */
  get requestedMs(): number | null {
    return this.drainMs ?? this.retryMs;
  }

  /**
   * Return the delay before the next try, after a connection ended or could not be opened. With `withinMs` the delay is
   * uniform within it, by default within what the hub requested; with null it comes from the backoff.
   */
  delayMs(nowMs: number, withinMs: number | null = this.requestedMs): number {
    const hasLasted = this.isWelcome && nowMs - this.openedMs >= PROVEN_MS;
    if (hasLasted || this.isProven) this.backoff.reset();
    this.ended();
    return withinMs === null ? this.backoff.next() : this.backoff.within(withinMs);
  }

  /** The connection has ended, and no delay is needed. */
  ended(): void {
    this.isWelcome = false;
    this.isProven = false;
  }

  /** The network has come back: start again with short delays. */
  reset(): void {
    this.backoff.reset();
  }
}
