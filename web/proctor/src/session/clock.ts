// The queue's clock: monotonic, in whole ms, going on after a reload of the page. Pure: moments come in as arguments.
// The server's clock is `@veritas/shared/time.ts`.

/** Where a queue's clock stands, kept with the queue; `origin` is the page's own time of day at which it was 0. */
export interface ClockMemo {
  origin: number;
  lastMono: number;
}

/** A queue's monotonic clock: it never goes back, not even when the time of day does between two loads of the page. */
export class QueueClock {
  private origin: number;
  private last: number;

  /** `nowMs` is the page's time origin + its monotonic clock. */
  constructor(nowMs: number, memo: ClockMemo | null = null) {
    this.last = memo?.lastMono ?? 0;
    this.origin = memo === null ? nowMs : Math.min(memo.origin, nowMs - this.last);
  }

  get memo(): ClockMemo {
    return { origin: this.origin, lastMono: this.last };
  }

  read(nowMs: number): number {
    this.last = Math.max(this.last, Math.floor(nowMs - this.origin));
    return this.last;
  }
}
