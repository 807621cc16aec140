// Groups typing into bursts: how many characters were typed into an item, and in which time. It must never see a key or a
// text. Pure: moments come in as arguments, in ms of a monotonic clock.

import type { Payload } from "../session/frames.ts";

/** A burst ends after this long without a key. */
const PAUSE_MS = 2_000;
/** A longer burst is recorded in pieces of this length. */
const MAX_BURST_MS = 10_000;

export class Typing {
  private item: string | null = null;
  private chars = 0;
  private startedMs = 0;
  private lastMs = 0;

  /** Add characters typed into an item; returns the burst that ended by this, or null. */
  typed(item: string, chars: number, nowMs: number): Payload | null {
    const ended = item === this.item && nowMs - this.startedMs < MAX_BURST_MS ? null : this.finish();
    if (this.item === null) {
      this.item = item;
      this.startedMs = nowMs;
    }
    this.chars += chars;
    this.lastMs = nowMs;
    return ended;
  }

  /** Return the burst that has ended by a pause, or null. */
  tick(nowMs: number): Payload | null {
    return this.item !== null && nowMs - this.lastMs >= PAUSE_MS ? this.finish() : null;
  }

  finish(): Payload | null {
    if (this.item === null) return null;
    const burst = { item: this.item, chars: this.chars, ms: Math.round(this.lastMs - this.startedMs) };
    this.item = null;
    this.chars = 0;
    return burst;
  }
}
