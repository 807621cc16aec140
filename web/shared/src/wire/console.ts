// Written by `make docs` from protocol/console.py; a test holds it to the code.

/** One attempt on the board; `ix` is its small number within the exam, times in ms since the epoch. */
export interface AttemptRow {
  ix: number;
  attempt_id: string;
  student_id: string;
  status: AttemptStatus;
  deadline: number | null;
  completed_at: number | null;
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

export type ClientFrame = Hello | Watch | Unwatch | Focus | Command | Auth | Ping | Bye;

/** A person's order; a repeated `id` gives the same result, one used for another order is refused. `message` wants `to` and `text`; `end` wants `to`, a list of attempts, and `reason`; `review` wants `flag_id`, `decision`, `seen` (the status it saw) and `reason`. */
export interface Command {
  t: "command";
  id: string;
  exam_id: string;
  action: string;
  to?: string | string[] | Room;
  text?: string | null;
  flag_id?: string | null;
  decision?: FlagStatus | null;
  seen?: FlagStatus | null;
  reason?: string | null;
}

/** One change of the numbered part: `body` is the row that `kind` names. */
export type Delta =
  | { t: "delta"; exam_id: string; offset: number; kind: "exam"; body: ExamRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "student"; body: StudentRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "attempt"; body: AttemptRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "score"; body: ScoreRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "flag"; body: FlagRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "instruction"; body: InstructionRow; };

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

/** The exam a board shows. */
export interface ExamRow {
  exam_id: string;
  title: string;
  duration_minutes: number;
}

/** One flag on the board. `last_fact_at` is when the last cited fact was stored; times in ms since the epoch. */
export interface FlagRow {
  flag_id: string;
  attempt_id: string;
  source: FlagSource;
  rule: string;
  severity: Severity;
  confidence: number;
  summary: string;
  status: FlagStatus;
  raised_at: number;
  last_fact_at: number | null;
  reviewed_by: string | null;
  reason: string | null;
}

/** Who concluded it. */
export type FlagSource = "llm" | "rule" | "service" | "teacher";

/** What people have decided about it so far; only people close a flag. */
export type FlagStatus = "confirmed" | "dismissed" | "escalated" | "open" | "withdrawn";

/** Show me these attempts' live values every half second, and no others' of this exam. At most `limits.FOCUS_ATTEMPTS`, by their numbers from 1, else error `bad_command`; of an exam that is not watched, error `not_found`. Numbers no attempt has yet are kept; unwatching or watching anew forgets them all. */
export interface Focus {
  t: "focus";
  exam_id: string;
  ix: number[];
}

/** The first frame; exactly one of `ticket` and `token`. */
export interface Hello {
  t: "hello";
  ticket?: string | null;
  token?: string | null;
}

export type HubFrame = Welcome | Snapshot | Delta | Live | Resync | Result | Pong | Drain | Error;

/** One instruction to one attempt and how far it got; `code` says why a client could not carry it out. A board keeps each attempt's newest, the one of the highest `n`: an older one never replaces it. */
export interface InstructionRow {
  attempt_id: string;
  n: number;
  action: string;
  text: string | null;
  state: InstructionState;
  code: string | null;
}

/** How far an instruction got: `sent` until the client answers it, or its time is over. */
export type InstructionState = "done" | "expired" | "failed" | "sent";

/** The live part: latest values that changed since the last `live`; never numbered, never replayed. Comings and goings of all come within a second, counts within 15 s, of those in focus within a second too. With `since`, ms since the epoch, Redis has been away since then: of other hubs' candidates comings and goings come within 4 s, and counts as told by the record. The first frame without `since` says that this is over. */
export interface Live {
  t: "live";
  exam_id: string;
  attempts: Presence[];
  since: number | null;
}

/** What a command did to one attempt; a `conflict` says who was first, `by` name, and when, `at` in ms. */
export interface Outcome {
  attempt_id: string;
  ok: boolean;
  code?: string | null;
  detail?: string | null;
  by?: string | null;
  at?: number | null;
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

/** An attempt's latest live values: `[ix, online, events, seen_at]`; `seen_at` in ms since the epoch. `online` is whether its newest connection stands, at whichever hub. `events` counts what its client's streams hold: the sum of their last numbers, what was refused or lost included. `seen_at` is when it last came, went or stored. */
export type Presence = [number, boolean, number, number];

/** The answer to the command of this id; `code` is set when the command as a whole was refused. */
export interface Result {
  t: "result";
  id: string;
  outcomes: Outcome[];
  code: string | null;
  detail: string | null;
}

/** Forget this exam's board; a snapshot follows unasked. */
export interface Resync {
  t: "resync";
  exam_id: string;
  reason: string;
}

/** Everybody of a room; no hub keeps rooms yet, so an order to one is answered with `bad_command`. */
export interface Room {
  room: string;
}

/** An attempt's provisional integrity, 0..1, and how much of it was observed, 0..1 in tenths. `integrity` is `null` while not enough was seen; where `coverage` is not known either a board keeps no row. */
export interface ScoreRow {
  attempt_id: string;
  integrity: number | null;
  coverage: number | null;
}

/** How much a flag asks for a person's eye; `normal` is a note and never a reason for review alone. */
export type Severity = "critical" | "normal" | "warning";

/** What a console already holds: all up to `offset` of `epoch`. */
export interface Since {
  epoch: string;
  offset: number;
}

/** One part of a board as it stood at `offset`; parts count from 1 and together are the whole numbered part. */
export interface Snapshot {
  t: "snapshot";
  exam_id: string;
  epoch: string;
  offset: number;
  part: number;
  parts: number;
  exam: ExamRow;
  students: StudentRow[];
  attempts: AttemptRow[];
  scores: ScoreRow[];
  flags: FlagRow[];
  instructions: InstructionRow[];
}

/** One student of the exam; one taken off the roster stays on the board, and is shown as such. */
export interface StudentRow {
  student_id: string;
  name: string;
  on_roster: boolean;
}

/** Stop showing me this exam's board. */
export interface Unwatch {
  t: "unwatch";
  exam_id: string;
}

/** Show me this exam's board, from the start or from where I am. */
export interface Watch {
  t: "watch";
  exam_id: string;
  since?: Since | null;
}

/** You are known; the socket is closed five seconds after `auth_until` unless renewed. */
export interface Welcome {
  t: "welcome";
  user_id: string;
  name: string;
  server_at: number;
  heartbeat_ms: number;
  auth_until: number;
}
