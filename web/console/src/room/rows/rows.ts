/**
 * One row of the room per student, made from the board and the live values. Pure: time is an argument. It rates no one:
 * `attention` only sorts the rows.
 */

import { RUNNING, UNDECIDED } from "@veritas/shared/wire/constants.ts";
import type { Board } from "../../board/board.ts";
import type { AttemptRow, FlagRow, InstructionRow, Presence, Severity } from "../../board/frames.ts";

/** `unknown` until live values are received. */
export type PresenceState = "connected" | "offline" | "not_started" | "finished" | "unknown";

export interface RoomRow {
  readonly studentId: string;
  readonly name: string;
  readonly onRoster: boolean;
  /** The student's newest attempt. All other values are of this attempt. */
  readonly attempt: AttemptRow | null;
  readonly running: boolean;
  readonly presence: PresenceState;
  /** How many events are stored; null while no live values of the attempt are received. */
  readonly events: number | null;
  readonly seenAt: number | null;
  readonly integrity: number | null;
  readonly coverage: number | null;
  /** The newest first. */
  readonly flags: readonly FlagRow[];
  /** Number of undecided flags by severity. */
  readonly open: Readonly<Record<Severity, number>>;
  /** The highest severity of an undecided flag. */
  readonly worst: Severity | null;
  /** The flag that tile and table show. */
  readonly latest: FlagRow | null;
  readonly instruction: InstructionRow | null;
  /** Position in the order "needs attention first": higher comes first. */
  readonly attention: number;
}

export function isRunning(status: string): boolean {
  return (RUNNING as readonly string[]).includes(status);
}

export function isUndecided(flag: Pick<FlagRow, "status">): boolean {
  return (UNDECIDED as readonly string[]).includes(flag.status);
}

/** The newest undecided flag of flags that are sorted newest first; null if all are decided. */
export function latestUndecided<F extends Pick<FlagRow, "status">>(flags: readonly F[]): F | null {
  return flags.find(isUndecided) ?? null;
}

const CRITICAL_ATTENTION = 100;
const WARNING_ATTENTION = 10;
const OFFLINE_ATTENTION = 5;

/** Make a student's row; null if the student is not on the board. */
export function makeRow(
  board: Board,
  presence: ReadonlyMap<number, Presence>,
  hasLive: boolean,
  studentId: string,
): RoomRow | null {
  const student = board.students.get(studentId);
  if (student === undefined) return null;
  const attempt = newestAttempt(board, studentId);
  const flags = attempt === null ? [] : flagsOf(board, attempt.attempt_id);
  const open = countOpen(flags);
  const score = attempt === null ? undefined : board.scores.get(attempt.attempt_id);
  const live = attempt === null ? undefined : presence.get(attempt.ix);
  const state = presenceState(attempt, live, hasLive);
  const offline = state === "offline" ? OFFLINE_ATTENTION : 0;
  return {
    studentId,
    name: student.name,
    onRoster: student.on_roster ?? true,
    attempt,
    running: attempt !== null && isRunning(attempt.status),
    presence: state,
    events: live?.[2] ?? null,
    seenAt: live === undefined || live[3] === 0 ? null : live[3],
    integrity: score?.integrity ?? null,
    coverage: score?.coverage ?? null,
    flags,
    open,
    worst: worstOf(open),
    latest: latestUndecided(flags),
    instruction: attempt === null ? null : (board.instructions.get(attempt.attempt_id) ?? null),
    attention: open.critical * CRITICAL_ATTENTION + open.warning * WARNING_ATTENTION + offline,
  };
}

function countOpen(flags: readonly FlagRow[]): Record<Severity, number> {
  const open = { normal: 0, warning: 0, critical: 0 };
  for (const flag of flags) if (isUndecided(flag)) open[flag.severity] += 1;
  return open;
}

function worstOf(open: Readonly<Record<Severity, number>>): Severity | null {
  const severities = ["critical", "warning", "normal"] as const;
  return severities.find((severity) => open[severity] > 0) ?? null;
}

export function newestAttempt(board: Board, studentId: string): AttemptRow | null {
  let newest: AttemptRow | null = null;
  for (const id of board.attemptsOf.get(studentId) ?? []) {
    const attempt = board.attempts.get(id);
    if (attempt !== undefined && (newest === null || attempt.ix > newest.ix)) newest = attempt;
  }
  return newest;
}

/** The flags of an attempt, the newest first. */
export function flagsOf(board: Board, attemptId: string): FlagRow[] {
  const flags: FlagRow[] = [];
  for (const id of board.flagsOf.get(attemptId) ?? []) {
    const flag = board.flags.get(id);
    if (flag !== undefined) flags.push(flag);
  }
  return flags.sort((a, b) => b.raised_at - a.raised_at || (a.flag_id < b.flag_id ? 1 : -1));
}

function presenceState(attempt: AttemptRow | null, live: Presence | undefined, hasLive: boolean): PresenceState {
  if (attempt === null || attempt.status === "waiting") return "not_started";
  if (!isRunning(attempt.status)) return "finished";
  if (live === undefined) return hasLive ? "offline" : "unknown";
  return live[1] ? "connected" : "offline";
}

/** The newest flags above notes, each with its student's row. */
export function latestFlags(rows: Iterable<RoomRow>, limit: number): { flag: FlagRow; row: RoomRow }[] {
  const found: { flag: FlagRow; row: RoomRow }[] = [];
  for (const row of rows) {
    for (const flag of row.flags) if (flag.severity !== "normal") found.push({ flag, row });
  }
  return found.sort((a, b) => b.flag.raised_at - a.flag.raised_at).slice(0, limit);
}
