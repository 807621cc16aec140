// Written by `make docs` from protocol/monitor.py; a test holds it to the code.

/** All up to `seq` is stored, sent only after COMMIT; `rejected` names the numbers refused in this step. */
export interface Ack {
  t: "ack";
  seq: number;
  rejected: Rejected[];
}

/** How the attempt stands; `deadline` in ms since the epoch. */
export interface Attempt {
  status: AttemptStatus;
  deadline: number | null;
  paused: boolean;
}

/** How the attempt stands now, whenever that has changed; once it is over, send what the queue holds and no more. */
export interface AttemptChanged {
  t: "attempt";
  status: AttemptStatus;
  deadline: number | null;
  paused: boolean;
}

/** Where one student's sitting of an exam stands. */
export type AttemptStatus = "abandoned" | "declined" | "ended" | "in_progress" | "paused" | "reopened" | "submitted" | "timed_out" | "waiting";

/** Renew the sign-in in band; nothing is answered unless the token is refused. */
export interface Auth {
  t: "auth";
  token: string;
}

/** Store what you have, acknowledge it, close. */
export interface Bye {
  t: "bye";
}

/** Who is speaking, for the record. */
export interface Client {
  name: string;
  version: string;
}

export type ClientFrame = Hello | Events | Lost | Ping | Done | Auth | Bye;

/** An instruction was carried out, or could not be: then `code` says why. */
export interface Done {
  t: "done";
  id: number;
  ok: boolean;
  code?: string | null;
}

/** The hub is going away: keep sending until closed with 4505, then come back within `in_ms`, at random. */
export interface Drain {
  t: "drain";
  in_ms: number;
}

/** What was wrong with the last frame; a close may follow. */
export interface Error {
  t: "error";
  code: string;
  detail: string;
  retry_ms: number | null;
}

/** One event as a client sends it: `at` its wall clock, `mono` its monotonic clock, both in ms. */
export interface Event {
  type: string;
  at: number;
  mono: number;
  data?: Record<string, unknown>;
  severity?: string | null;
}

/** Contiguous events, numbered from `first_seq`. */
export interface Events {
  t: "events";
  first_seq: number;
  events: Event[];
}

/** The first frame: who I am, which queue I hold, how far I know it to be stored. Exactly one of `ticket` and `token`. `boot` names the client's queue and survives reload and reconnect. */
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

/** Something a person asks of the client; numbered per attempt, sent again on reconnect until `done`. */
export interface Instruct {
  t: "instruct";
  id: number;
  action: string;
  issued_at: number;
  valid_until: number | null;
  body: Record<string, string>;
}

/** What a client may send; sizes in bytes, as published in `welcome`. */
export interface Limits {
  frame_bytes: number;
  events_per_frame: number;
  event_bytes: number;
  draft_bytes: number;
  depth: number;
}

/** From my next number to `to_seq` I no longer have the events. */
export interface Lost {
  t: "lost";
  to_seq: number;
  reason: string;
}

/** A heartbeat with the sender's clock. */
export interface Ping {
  t: "ping";
  at: number;
}

/** The answer to `ping`, with both clocks. */
export interface Pong {
  t: "pong";
  at: number;
  server_at: number;
}

/** The stream the client named, which is not gone on with; it holds all up to `committed`. */
export interface Previous {
  stream: string;
  committed: number;
}

/** Why one event was refused while its neighbours were taken; a tombstone keeps its number. */
export type RejectCode = "bad_number" | "bad_shape" | "bad_time" | "bad_type" | "bad_unicode" | "too_deep" | "too_large";

/** One number whose event was refused, and why. */
export interface Rejected {
  seq: number;
  code: RejectCode;
}

/** The stream is a day old: have everything acknowledged, then say hello again for a new one. */
export interface Rotate {
  t: "rotate";
}

/** Where to go on: all up to `committed` of `stream` is stored; `rejected` repeats those above `hello.acked`. With `previous` the stream is new: the client drops what the old one holds and numbers the rest anew from 1. `queue_key`, 32 bytes in base64url, is for encrypting the queue a client keeps: the same for all of an attempt's connections. `upload_token` is good for `POST /monitor/events` of this attempt until a day after its end. */
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

/** How much a client may have unacknowledged at once: events, and bytes of their frames. */
export interface Window {
  events: number;
  bytes: number;
}

/** Absolute totals a client may have unacknowledged; 0 means stop until the next `window`. */
export interface WindowChanged {
  t: "window";
  events: number;
  bytes: number;
  retry_ms: number | null;
}
