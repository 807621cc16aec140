// The frames of `/ws/monitor` as the browser's client sends and reads them (docs/wire/monitor.schema.json), and their
// codes. Types and names only: nothing is decided here.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Payload = { [key: string]: Json };

export interface Event {
  type: string;
  /** The wall clock, ms since the epoch. */
  at: number;
  /** A monotonic clock of the queue, ms; it goes on after a reload. */
  mono: number;
  data?: Payload;
}

export interface Window {
  events: number;
  bytes: number;
}

export interface Limits {
  frame_bytes: number;
  events_per_frame: number;
  event_bytes: number;
  draft_bytes: number;
  depth: number;
}

export interface Rejected {
  seq: number;
  code: string;
}

export interface Previous {
  stream: string;
  committed: number;
}

export interface Attempt {
  status: string;
  deadline?: number | null;
  paused?: boolean;
}

export interface Hello {
  t: "hello";
  ticket: string;
  attempt_id: string;
  boot: string;
  stream: string | null;
  acked: number;
  next_seq: number;
  can: string[];
  client: { name: string; version: string };
  mono: number;
  at: number;
}

export type Events = { t: "events"; first_seq: number; events: Event[] };
export type Lost = { t: "lost"; to_seq: number; reason: string };
export type Ping = { t: "ping"; at: number };
export type Done = { t: "done"; id: number; ok: boolean; code?: string };
export type Bye = { t: "bye" };
export type ClientFrame = Hello | Events | Lost | Ping | Done | Bye;

export interface Welcome {
  t: "welcome";
  stream: string;
  committed: number;
  rejected?: Rejected[];
  previous?: Previous | null;
  window: Window;
  limits: Limits;
  heartbeat_ms: number;
  server_at: number;
  attempt: Attempt;
  auth_until: number;
  /** What the stored queue is encrypted with, base64url of 32 bytes; an older hub gives none. */
  queue_key?: string;
  upload_token?: string;
}

export type Ack = { t: "ack"; seq: number; rejected?: Rejected[] };
export type WindowChanged = { t: "window"; events: number; bytes: number; retry_ms?: number | null };
export type Instruct = {
  t: "instruct";
  id: number;
  action: string;
  issued_at: number;
  valid_until?: number | null;
  body?: Record<string, string>;
};
export type AttemptChanged = { t: "attempt" } & Attempt;
export type Rotate = { t: "rotate" };
export type Pong = { t: "pong"; at: number; server_at: number };
export type Drain = { t: "drain"; in_ms: number };
export type ErrorFrame = { t: "error"; code: string; detail: string; retry_ms?: number | null };
export type HubFrame =
  | Welcome
  | Ack
  | WindowChanged
  | Instruct
  | AttemptChanged
  | Rotate
  | Pong
  | Drain
  | ErrorFrame;

export const SUBPROTOCOL = "veritas.v1.json";

export const ALIVE_MS = 5_000;
/** How long a hub waits for hello, and so how long a client waits for the welcome. */
export const HELLO_MS = 10_000;
export const DEFAULT_LIMITS: Limits = {
  frame_bytes: 64 * 1024,
  events_per_frame: 500,
  event_bytes: 8 * 1024,
  draft_bytes: 32 * 1024,
  depth: 16,
};

export const Close = {
  normal: 1000,
  /** What a socket that ended without a close frame counts as; so does one that could not be opened. */
  abnormal: 1006,
  malformed: 4400,
  unauthenticated: 4401,
  forbidden: 4403,
  superseded: 4409,
  ended: 4410,
  tooLarge: 4413,
  tokenExpired: 4419,
  draining: 4505,
} as const;

/** Close codes after which a client does not come back by itself; 4401 is tried once more with a new ticket. */
export const FINAL_CODES: ReadonlySet<number> = new Set([1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413]);

const HUB_TAGS: ReadonlySet<string> = new Set([
  "welcome",
  "ack",
  "window",
  "instruct",
  "attempt",
  "rotate",
  "pong",
  "drain",
  "error",
]);

/** Read one frame of the hub; null when this version does not know it, or it is none. */
export function readFrame(text: string): HubFrame | null {
  try {
    const frame = JSON.parse(text) as HubFrame;
    return typeof frame === "object" && frame !== null && HUB_TAGS.has(frame.t) ? frame : null;
  } catch {
    return null;
  }
}
