// Written by `make docs` from protocol/monitor.py; a test holds it to the code.

/** All events up to `seq` are stored; sent only after COMMIT. `rejected` lists the events rejected in this step. */
export interface Ack {
  t: "ack";
  seq: number;
  rejected: Rejected[];
}

/** The attempt's status. `deadline` in ms since the epoch. */
export interface Attempt {
  status: AttemptStatus;
  deadline: number | null;
  paused: boolean;
}

/** The attempt's status has changed. After its end the client sends the rest of its queue and records no more. */
export interface AttemptChanged {
  t: "attempt";
  status: AttemptStatus;
  deadline: number | null;
  paused: boolean;
}

/** The status of one student's attempt at an exam. */
export type AttemptStatus = "abandoned" | "declined" | "ended" | "in_progress" | "paused" | "reopened" | "submitted" | "timed_out" | "waiting";

/** Renew the sign-in on the open socket. There is no reply unless the token is refused. */
export interface Auth {
  t: "auth";
  token: string;
}

/** Store and acknowledge what was sent, then close. */
export interface Bye {
  t: "bye";
}

/** Name and version of the client program. */
export interface Client {
  name: string;
  version: string;
}

export type ClientFrame = Hello | Events | Lost | Ping | Done | Auth | Bye;

/** The result of an instruction. If it could not be carried out, `code` says why. */
export interface Done {
  t: "done";
  id: number;
  ok: boolean;
  code?: string | null;
}

/** The hub shuts down: keep sending until closed with 4505, then reconnect at a random time within `in_ms`. */
export interface Drain {
  t: "drain";
  in_ms: number;
}

/** What was wrong with the last frame. The socket may be closed after it. */
export interface Error {
  t: "error";
  code: string;
  detail: string;
  retry_ms: number | null;
}

/** One event as a client sends it. `at` is its wall clock, `mono` its monotonic clock, both in ms. */
export interface Event {
  type: string;
  at: number;
  mono: number;
  data?: Record<string, unknown>;
  severity?: string | null;
}

/** Contiguous events. The first one has the sequence number `first_seq`. */
export interface Events {
  t: "events";
  first_seq: number;
  events: Event[];
}

/** The first frame: the attempt, the client's queue, and up to where the client knows it to be stored. Exactly one of `ticket` and `token`. `boot` identifies the client's queue and stays the same after a reload or a reconnect. `acked` is the last acknowledged sequence number, `next_seq` the next one to be used. */
export interface Hello {
  t: "hello";
  ticket?: string | null;
  token?: string | null;
  attempt_id: string;
  boot: string;
  stream?: string | null;
  acked: number;
  next_seq: number;
  can?: string[];
  client: Client;
  mono: number;
  at: number;
}

export type HubFrame = Welcome | AttemptChanged | Ack | WindowChanged | Instruct | Rotate | Pong | Drain | Error;

/** An instruction of a user to the client. Numbered per attempt, sent again after a reconnect until `done`. */
export interface Instruct {
  t: "instruct";
  id: number;
  action: string;
  issued_at: number;
  valid_until: number | null;
  body: Record<string, string>;
}

/** What a client may send, as published in `welcome`. Sizes in bytes. */
export interface Limits {
  frame_bytes: number;
  events_per_frame: number;
  event_bytes: number;
  draft_bytes: number;
  depth: number;
}

/** The client has lost the events from its next sequence number to `to_seq`. */
export interface Lost {
  t: "lost";
  to_seq: number;
  reason: string;
}

/** A heartbeat with the sender's clock, in ms. */
export interface Ping {
  t: "ping";
  at: number;
}

/** The reply to `ping`, with both clocks in ms. */
export interface Pong {
  t: "pong";
  at: number;
  server_at: number;
}

/** The stream that the client named and that is not continued. It is stored up to `committed`. */
export interface Previous {
  stream: string;
  committed: number;
}

/** Why one event was rejected while its neighbors were accepted. A tombstone takes its sequence number. */
export type RejectCode = "bad_number" | "bad_shape" | "bad_time" | "bad_type" | "bad_unicode" | "too_deep" | "too_large";

/** The sequence number of a rejected event, and why it was rejected. */
export interface Rejected {
  seq: number;
  code: RejectCode;
}

/** The stream is a day old: wait until everything is acknowledged, then send `hello` again to get a new one. */
export interface Rotate {
  t: "rotate";
}

/** The reply to `hello`. `stream` is stored up to `committed`; `rejected` repeats rejections above `hello.acked`. With `previous` the stream is new: the client drops what the old stream has stored and numbers the rest from 1 again. `queue_key`, 32 bytes in base64url, encrypts the queue that a client stores; it is the same for all connections of an attempt. `upload_token` authorizes `POST /monitor/events` until a day after the attempt's end. */
export interface Welcome {
  t: "welcome";
  stream: string;
  committed: number;
  rejected: Rejected[];
  previous: Previous | null;
  window: Window;
  limits: Limits;
  heartbeat_ms: number;
  server_at: number;
  attempt: Attempt;
  auth_until: number;
  queue_key: string;
  upload_token: string;
}

/** How much a client may have unacknowledged at once: number of events, and bytes of their frames. */
export interface Window {
  events: number;
  bytes: number;
}

/** How much a client may have unacknowledged in total. 0 means: stop until the next `window`. */
export interface WindowChanged {
  t: "window";
  events: number;
  bytes: number;
  retry_ms: number | null;
}
