/**
 * How one exam's board is followed over any number of connections: which frames are news, when to ask again, and from
 * where. Pure; the last whole board stays to be looked at until a newer one is whole.
 */

import { Board } from "./board.ts";
import type { Delta, Live, Presence, Resync, Since, Snapshot } from "./frames.ts";

/** What a frame was: `board` a whole new board, `row` one change, `old` nothing new, `hole` ask again from `rewatch()`. */
export type News = { kind: "board" } | { kind: "row"; student: string | null } | { kind: "old" } | { kind: "hole" };

const OLD: News = { kind: "old" };
const HOLE: News = { kind: "hole" };

export class Follower {
  /** The last whole board; the screen shows it. */
  board: Board | null = null;
  /** Latest live values by `ix`. */
  readonly presence = new Map<number, Presence>();
  /** Since when presence of other hubs comes late, ms; null while it does not. */
  liveSince: number | null = null;
  /** Whether live values have come on this connection. */
  hasLive = false;

  private parts: Snapshot[] = [];
  /** Whether the board can be gone on with; not after a resync, until the snapshot is whole. */
  private whole = false;
  private asked = false;
  private askedForUnknown = false;

  /** Take the next frame of this exam. A hole is told once, until something answers it. */
  take(frame: Snapshot | Delta | Resync): News {
    switch (frame.t) {
      case "resync":
        this.asked = false;
        this.whole = false;
        this.parts = [];
        return OLD;
      case "snapshot":
        return this.collect(frame);
      case "delta":
        return this.follow(frame);
    }
  }

  /** Take live values; the `ix` that changed. */
  takeLive(frame: Live): number[] {
    this.liveSince = frame.since ?? null;
    this.hasLive = true;
    const changed: number[] = [];
    for (const value of frame.attempts) {
      const known = this.presence.get(value[0]);
      if (known !== undefined && known[1] === value[1] && known[2] === value[2] && known[3] === value[3]) continue;
      this.presence.set(value[0], value);
      changed.push(value[0]);
    }
    return changed;
  }

  /** What to watch from: at a hole, or on a new connection, where no answer to an earlier question will come. */
  rewatch(): Since | null {
    this.parts = [];
    return this.whole && this.board !== null && this.board.unknown.size === 0 ? this.board.since : null;
  }

  /** A new connection: questions asked on the old one are void. */
  reconnected(): Since | null {
    this.asked = false;
    this.hasLive = false;
    return this.rewatch();
  }

  private collect(part: Snapshot): News {
    this.asked = false;
    if (part.part === 1) this.parts = [];
    this.whole = false;
    this.parts.push(part);
    if (part.part !== part.parts) return OLD;
    try {
      this.board = Board.fromParts(this.parts);
    } catch {
      return this.ask();
    }
    this.whole = true;
    this.parts = [];
    return { kind: "board" };
  }

  private follow(delta: Delta): News {
    const board = this.board;
    if (!this.whole || board === null) return this.ask();
    if (delta.offset <= board.offset) return OLD;
    if (!board.apply(delta)) return this.ask();
    this.asked = false;
    if (board.unknown.size > 0 && !this.askedForUnknown) {
      // A kind this console does not know: one new snapshot, then it lives with what it knows.
      this.askedForUnknown = true;
      this.whole = false;
      return this.ask();
    }
    return { kind: "row", student: board.studentOf(delta) };
  }

  private ask(): News {
    if (this.asked) return OLD;
    this.asked = true;
    this.parts = [];
    return HOLE;
  }
}
