/**
 * When to connect again and when to renew a sign-in: pure, so that a storm of consoles can be reasoned about.
 * The Python client's is veritas/client/reconnect.py; this one has one address.
 */

export const FIRST_MS = 500;
export const MOST_MS = 30_000;
/** A connection that lasted this long counts as a success. */
export const PROVEN_MS = 5_000;
const RENEW_BEFORE_MS = 60_000;
const RENEW_PAUSE_MS = 1_000;

/** The close codes after which nobody comes back by itself (WIRE §4). */
const FINAL = new Set([1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413]);

export function mayReconnect(code: number): boolean {
  return !FINAL.has(code);
}

/** The delays of one client: full jitter up to 0.5, 1, 2 … 30 s, or uniform within the time a drain gave. */
export class Backoff {
  private failures = 0;

  constructor(private readonly random: () => number = Math.random) {}

  after(ending: { waitMs?: number | null; proven?: boolean }): number {
    if (ending.proven) this.failures = 0;
    if (ending.waitMs !== undefined && ending.waitMs !== null) return this.random() * ending.waitMs;
    const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(this.failures, 16));
    this.failures += 1;
    return this.random() * most;
  }

  /** Forget the failures: what they were about has changed. */
  startOver(): void {
    this.failures = 0;
  }
}

/** How long to wait before renewing a sign-in that is good for so much longer. */
export function renewInMs(leftMs: number): number {
  return Math.max(RENEW_PAUSE_MS, leftMs - RENEW_BEFORE_MS, Math.min(leftMs / 2, RENEW_BEFORE_MS));
}
