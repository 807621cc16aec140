// The clock of a queue: monotonic, in whole milliseconds, and it continues after a reload of the page. Pure.

/** The stored state of the clock. `origin` is the time at which the clock was 0, by the server's clock if the page knew it. */
export interface ClockState {
  origin: number;
  lastMono: number;
}

/** Never goes back, even when the wall clock does between two loads of the page. */
export class QueueClock {
  private origin: number;
  private last: number;

  /** `nowMs` is the time at which the page was loaded, plus its monotonic clock. */
  constructor(nowMs: number, state: ClockState | null = null) {
    this.last = state?.lastMono ?? 0;
    this.origin = state === null ? nowMs : Math.min(state.origin, nowMs - this.last);
  }

  get state(): ClockState {
    return { origin: this.origin, lastMono: this.last };
  }

  read(nowMs: number): number {
    this.last = Math.max(this.last, Math.floor(nowMs - this.origin));
    return this.last;
  }
}
