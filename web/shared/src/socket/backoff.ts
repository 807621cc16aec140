// Delays between two tries to connect: exponential backoff with full jitter. Pure: it never waits itself.

export const FIRST_DELAY_MS = 500;
export const MAX_DELAY_MS = 30_000;

export class Backoff {
  private failures = 0;

  /** `random` returns numbers in [0, 1). */
  constructor(private readonly random: () => number = Math.random) {}

  /** Count a failure and return the delay before the next try: uniform in [0, 0.5 s], [0, 1 s], … [0, 30 s]. */
  next(): number {
    // The exponent has a limit, so that the power stays finite on a page that is open for days.
    const limit = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.failures, 16));
    this.failures += 1;
    return this.random() * limit;
  }

  /** Return a delay that is uniform in [0, `limitMs`], without counting a failure. */
  within(limitMs: number): number {
    return this.random() * limitMs;
  }

  reset(): void {
    this.failures = 0;
  }
}
