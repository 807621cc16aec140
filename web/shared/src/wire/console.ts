// Written by `make docs` from protocol/console.py; a test holds it to the code.

/** One attempt on the board. `ix` is its small number within the exam. Times in ms since the epoch. */
export interface AttemptRow {
  ix: number;
  attempt_id: string;
  student_id: string;
  status: AttemptStatus;
  deadline: number | null;
  completed_at: number | null;
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

export type ClientFrame = Hello | Watch | Unwatch | Focus | Command | Auth | Ping | Bye;

/** A user's command. A repeated `id` gives the same result; an `id` of a different command is refused. `message` needs `to` and `text`. `end` needs `to`, a list of attempts, and `reason`. `review` needs `flag_id`, `decision`, `seen` (the status that the user saw) and `reason`. */
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

/** An error frame of the console. `exam_id` is the exam of the refused frame, if it named one; else it is absent. */
export interface ConsoleError {
  t: "error";
  code: string;
  detail: string;
  retry_ms: number | null;
  exam_id: string;
}

/** One change of the numbered part. `body` is a row of the type that `kind` names. */
export type Delta =
  | { t: "delta"; exam_id: string; offset: number; kind: "exam"; body: ExamRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "student"; body: StudentRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "attempt"; body: AttemptRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "score"; body: ScoreRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "flag"; body: FlagRow; }
  | { t: "delta"; exam_id: string; offset: number; kind: "instruction"; body: InstructionRow; };

/** The hub shuts down: keep sending until closed with 4505, then reconnect at a random time within `in_ms`. */
export interface Drain {
  t: "drain";
  in_ms: number;
}

/** The exam of a board. */
export interface ExamRow {
  exam_id: string;
  title: string;
  duration_minutes: number;
}

/** One flag on the board. `last_fact_at` is when the last cited event was stored. Times in ms since the epoch. */
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

/** Who raised a flag. */
export type FlagSource = "llm" | "rule" | "service" | "teacher";

/** The status of a flag's review. Only reviewers change it. */
export type FlagStatus = "confirmed" | "dismissed" | "escalated" | "open" | "withdrawn";

/** Ask for live values of these attempts every half second. It replaces the focus on this exam. At most `limits.FOCUS_ATTEMPTS` attempts, named by `ix` from 1, else error `bad_command`. For an exam without `watch` the error is `not_found`. An `ix` that does not exist yet is kept. `unwatch` and `watch` clear the focus. */
export interface Focus {
  t: "focus";
  exam_id: string;
  ix: number[];
}

/** The first frame, with exactly one of `ticket` and `token`. */
export interface Hello {
  t: "hello";
  ticket?: string | null;
  token?: string | null;
}

export type HubFrame = Welcome | Snapshot | Delta | Live | Resync | Result | Pong | Drain | ConsoleError;

/** One instruction to one attempt and its state. `code` says why the client could not carry it out. A board keeps the newest of each attempt, with the highest `n`. An older one never replaces it. */
export interface InstructionRow {
  attempt_id: string;
  n: number;
  action: string;
  text: string | null;
  state: InstructionState;
  code: string | null;
}

/** The state of an instruction: `sent` until the client reports a result or the instruction expires. */
export type InstructionState = "done" | "expired" | "failed" | "sent";

/** The live part: values that changed since the last `live`. It has no offsets and is never replayed. Changes of `online` arrive within a second, counts within 15 s (within a second for attempts in focus). With `since`, ms since the epoch, Redis has been unavailable since then: for candidates of other hubs, changes of `online` arrive within 4 s, and counts are read from the database. The first frame without `since` ends this state. */
export interface Live {
  t: "live";
  exam_id: string;
  attempts: Presence[];
  since: number | null;
}

/** What a command did to one attempt. With `conflict`, `by` names the user who was first, at `at` (ms). */
export interface Outcome {
  attempt_id: string;
  ok: boolean;
  code?: string | null;
  detail?: string | null;
  by?: string | null;
  at?: number | null;
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

/** An attempt's latest live values: `[ix, online, events, seen_at]`. `online`: whether its newest connection is open, at any hub. `events`: the sum of the last sequence numbers of its streams, rejected and lost events included. `seen_at`, ms since the epoch: its last connect, disconnect or store. */
export type Presence = [number, boolean, number, number];

/** The result of the command with this id. `code` is set when the whole command was refused. */
export interface Result {
  t: "result";
  id: string;
  outcomes: Outcome[];
  code: string | null;
  detail: string | null;
}

/** Drop this exam's board. A snapshot follows. */
export interface Resync {
  t: "resync";
  exam_id: string;
  reason: string;
}

/** All students of a room. Rooms are not supported yet: the result of such a command is `bad_command`. */
export interface Room {
  room: string;
}

/** An attempt's provisional integrity, 0..1, and its coverage, 0..1 in tenths. `integrity` is `null` while the coverage is too low. If `coverage` is `null` too, the board keeps no row. */
export interface ScoreRow {
  attempt_id: string;
  integrity: number | null;
  coverage: number | null;
}

/** How urgently a flag needs review. `normal` is a note and needs none. */
export type Severity = "critical" | "normal" | "warning";

/** What a console already has: all changes up to `offset` of `epoch`. */
export interface Since {
  epoch: string;
  offset: number;
}

/** One part of a board at `offset`. Parts count from 1; together they are the whole numbered part. */
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

/** One student of the exam. A student who was removed from the roster stays on the board with `on_roster` false. */
export interface StudentRow {
  student_id: string;
  name: string;
  on_roster: boolean;
}

/** Unsubscribe from an exam's board. */
export interface Unwatch {
  t: "unwatch";
  exam_id: string;
}

/** Subscribe to an exam's board: with `since` the changes after it, otherwise a snapshot. */
export interface Watch {
  t: "watch";
  exam_id: string;
  since?: Since | null;
}

/** The user is signed in. Without `auth` the socket is closed five seconds after `auth_until`. */
export interface Welcome {
  t: "welcome";
  user_id: string;
  name: string;
  server_at: number;
  heartbeat_ms: number;
  auth_until: number;
}
