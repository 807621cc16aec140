// When to connect again: pure, so that a storm of clients can be reasoned about. It never waits itself.
//
// After a drain the hub named the time it has: uniform within it. Else full jitter: uniform in [0, 0.5 s], [0, 1 s] and
// so on up to [0, 30 s], from the start again once a connection has proved itself.

import { FINAL_CODES } from "./frames.ts";

export const FIRST_MS = 500;
export const MOST_MS = 30_000;

/** A connection that lasted this long, or brought an acknowledgement, counts as a success. */
export const PROVEN_MS = 5_000;

/** Whether a client may connect again by itself after this close code, ours or a standard one. */
export function mayReconnect(code: number): boolean {
  return !FINAL_CODES.has(code);
}

export class Backoff {
  private failures = 0;

  /** `random` gives numbers in [0, 1). */
  constructor(private readonly random: () => number) {}

  /** Milliseconds to wait after a connection ended, or could not be made. */
  after({ waitMs = null, isProven = false }: { waitMs?: number | null; isProven?: boolean } = {}): number {
    if (isProven) this.failures = 0;
    if (waitMs !== null) return this.random() * waitMs;
    // The exponent is capped so that a page left alone for days does not compute with giants.
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(this.failures, 16));
    this.failures += 1;
    return this.random() * most;
  }

  /** Forget the failures: what they were about has changed. */
  startOver(): void {
    this.failures = 0;
  }
}
