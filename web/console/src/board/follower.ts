/**
 * Follows the board of one exam over any number of connections: which frames are new, when to request data again, and
 * from which offset. The last complete board stays visible until a newer one is complete. Pure.
 */

import { Board } from "./board.ts";
import type { Delta, Live, Presence, Resync, Since, Snapshot } from "./frames.ts";

/** What a frame changed: the whole board, one row, or nothing. `gap` means: watch again from `rewatch()`. */
export type Change =
  | { kind: "board" }
  | { kind: "row"; student: string | null }
  | { kind: "nothing" }
  | { kind: "gap" };

const NOTHING: Change = { kind: "nothing" };
const GAP: Change = { kind: "gap" };

export class Follower {
  /** The last complete board. */
  board: Board | null = null;
  /** Latest live values by `ix`. */
  readonly presence = new Map<number, Presence>();
  /** Since when the presence of other hubs is late, ms since the epoch; null if it is not. */
  liveSince: number | null = null;
  /** Whether live values were received on this connection. */
  hasLive = false;

  private parts: Snapshot[] = [];
  /** Whether deltas can be applied. After a resync they cannot, until the snapshot is complete. */
  private isComplete = false;
  private isRequested = false;
  private isUnknownRequested = false;

  /** Process the next frame of this exam. A gap is reported once, until a frame answers the request. */
  receive(frame: Snapshot | Delta | Resync): Change {
    switch (frame.t) {
      case "resync":
        this.isRequested = false;
        this.isComplete = false;
        this.parts = [];
        return NOTHING;
      case "snapshot":
        return this.collect(frame);
      case "delta":
        return this.apply(frame);
    }
  }

  /** Store live values. Returns the `ix` of those that changed. */
  receiveLive(frame: Live): number[] {
    this.liveSince = frame.since ?? null;
    this.hasLive = true;
    const changed: number[] = [];
    for (const value of frame.attempts) {
      const known = this.presence.get(value[0]);
      if (known?.every((part, at) => part === value[at])) continue;
      this.presence.set(value[0], value);
      changed.push(value[0]);
    }
    return changed;
  }

  /** The offset to watch from after a gap; null for a new snapshot. */
  rewatch(): Since | null {
    this.parts = [];
    return this.isComplete && this.board !== null && this.board.unknown.size === 0 ? this.board.since : null;
  }

  /** Begin a new connection, on which no earlier request is answered. Returns the offset to watch from. */
  reconnected(): Since | null {
    this.isRequested = false;
    this.hasLive = false;
    return this.rewatch();
  }

  private collect(part: Snapshot): Change {
    this.isRequested = false;
    if (part.part === 1) this.parts = [];
    this.isComplete = false;
    this.parts.push(part);
    if (part.part !== part.parts) return NOTHING;
    try {
      this.board = Board.fromParts(this.parts);
    } catch {
      return this.request();
    }
    this.isComplete = true;
    this.parts = [];
    return { kind: "board" };
  }

  private apply(delta: Delta): Change {
    const board = this.board;
    if (!this.isComplete || board === null) return this.request();
    if (delta.offset <= board.offset) return NOTHING;
    if (!board.apply(delta)) return this.request();
    this.isRequested = false;
    if (board.unknown.size > 0 && !this.isUnknownRequested) {
      // A kind that this console does not know: request one new snapshot, then continue without that kind.
      this.isUnknownRequested = true;
      this.isComplete = false;
      return this.request();
    }
    return { kind: "row", student: board.studentOf(delta) };
  }

  private request(): Change {
    if (this.isRequested) return NOTHING;
    this.isRequested = true;
    this.parts = [];
    return GAP;
  }
}
