// The options and the status of the SDK, as an integrator sees them.

import type { RestoredAnswer } from "./session/answers.ts";
import type { Over } from "./session/candidate-session.ts";
import type { Attempt, Instruct } from "./session/frames.ts";

export interface StartOptions {
  /** The hub's `/ws/monitor`, as a ws: or wss: address. */
  url: string;
  attemptId: string;
  /** Fetch a new single-use ticket. Throw `SignedOut` when the user is signed out; after any other error it is tried again. */
  getTicket: () => Promise<string>;
  /** Carry out a `message` or `end` instruction; return null when done, or a short code that says why it failed. */
  onInstruction?: (instruct: Instruct) => string | null | Promise<string | null>;
  /**
   * Called with the answers of the stored queue that were not acknowledged, oldest first, and with the streams of this
   * queue. They are newer than an answer that the server has from one of these streams. An answer from any other stream
   * was given elsewhere in the meantime: then only the student knows which one is right.
   */
  onRestored?: (answers: RestoredAnswer[], streams: ReadonlySet<string>) => void;
  /** Whether to listen to the page. With false only the events of the caller are recorded. Default: true. */
  listen?: boolean;
}

/** `elsewhere`: another tab of this browser is in charge; this one records nothing. */
export type Link = "starting" | "elsewhere" | "connecting" | "open" | "waiting" | "over";

export interface Status {
  link: Link;
  /** Why the session is over; null while it is not. */
  over: Over | null;
  /** The hub's text of its last error. */
  detail: string;
  attempt: Attempt | null;
  /** Items with a change that the server has not acknowledged. */
  unsaved: ReadonlySet<string>;
  /** Items whose last change was refused by the server, with the code of the reason. */
  refused: ReadonlyMap<string, string>;
  /** When the last acknowledgement was received, by `performance.now()`; null before the first. */
  ackedMs: number | null;
  /** How many events of any kind are not acknowledged. */
  pending: number;
  /** Whether events are stored on this device, so that they survive a crash of the page. */
  isStored: boolean;
  /** Whether some of them are still being written: a crash would lose these. */
  isStoring: boolean;
  /** How many events were lost, because the queue was full or could not be read. */
  dropped: number;
  /** When the next connection is tried, by `performance.now()`; only while `waiting`. */
  retryAtMs: number | null;
  rttMs: number | null;
}
