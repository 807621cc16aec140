/**
 * What the room shows of each student, from the board and the live values: pure, and time comes as an argument.
 * Nothing here judges: attention is an order of rows for the eye, no score.
 */

import type { Board } from "../../board/board.ts";
import type { AttemptRow, FlagRow, InstructionRow, Presence, Severity } from "../../board/frames.ts";

/** `unknown` until live values have come; `never` while nobody has started. */
export type PresenceWord = "here" | "gone" | "never" | "over" | "unknown";

export interface RoomRow {
  readonly studentId: string;
  readonly name: string;
  readonly onRoster: boolean;
  readonly attempt: AttemptRow | null;
  readonly running: boolean;
  readonly presence: PresenceWord;
  readonly events: number;
  readonly seenAt: number | null;
  readonly integrity: number | null;
  readonly coverage: number | null;
  /** Of the attempt shown, the newest first. */
  readonly flags: readonly FlagRow[];
  /** Undecided or escalated ones above notes. */
  readonly open: Readonly<Record<Severity, number>>;
  readonly worst: Severity | null;
  readonly instruction: InstructionRow | null;
  /** How early in the order "attention first" it stands. */
  readonly attention: number;
}

const RUNNING = new Set(["in_progress", "paused", "reopened"]);

export function isRunning(status: string): boolean {
  return RUNNING.has(status);
}

export function isUndecided(flag: FlagRow): boolean {
  return flag.status === "open" || flag.status === "escalated";
}

const WEIGHT: Readonly<Record<Severity, number>> = { critical: 100, warning: 10, normal: 0 };

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
  const open = { normal: 0, warning: 0, critical: 0 };
  for (const flag of flags) if (isUndecided(flag)) open[flag.severity] += 1;
  const score = attempt === null ? undefined : board.scores.get(attempt.attempt_id);
  const value = attempt === null ? undefined : presence.get(attempt.ix);
  const running = attempt !== null && isRunning(attempt.status);
  const word = presenceWord(attempt, running, value, hasLive);
  return {
    studentId,
    name: student.name,
    onRoster: student.on_roster ?? true,
    attempt,
    running,
    presence: word,
    events: value?.[2] ?? 0,
    seenAt: value === undefined || value[3] === 0 ? null : value[3],
    integrity: score?.integrity ?? null,
    coverage: score?.coverage ?? null,
    flags,
    open,
    worst: open.critical > 0 ? "critical" : open.warning > 0 ? "warning" : open.normal > 0 ? "normal" : null,
    instruction: attempt === null ? null : (board.instructions.get(attempt.attempt_id) ?? null),
    attention: open.critical * WEIGHT.critical + open.warning * WEIGHT.warning + (word === "gone" ? 5 : 0),
  };
}

export function newestAttempt(board: Board, studentId: string): AttemptRow | null {
  let newest: AttemptRow | null = null;
  for (const id of board.attemptsOf.get(studentId) ?? []) {
    const attempt = board.attempts.get(id);
    if (attempt !== undefined && (newest === null || attempt.ix > newest.ix)) newest = attempt;
  }
  return newest;
}

export function flagsOf(board: Board, attemptId: string): FlagRow[] {
  const flags: FlagRow[] = [];
  for (const id of board.flagsOf.get(attemptId) ?? []) {
    const flag = board.flags.get(id);
    if (flag !== undefined) flags.push(flag);
  }
  return flags.sort((a, b) => b.raised_at - a.raised_at || (a.flag_id < b.flag_id ? 1 : -1));
}

function presenceWord(
  attempt: AttemptRow | null,
  running: boolean,
  value: Presence | undefined,
  hasLive: boolean,
): PresenceWord {
  if (attempt === null || attempt.status === "waiting") return "never";
  if (!running) return "over";
  if (value === undefined) return hasLive ? "gone" : "unknown";
  return value[1] ? "here" : "gone";
}

export type Filter = "all" | "attention" | "running" | "gone" | "never" | "over";
export type Order = "attention" | "name" | "status" | "presence" | "remaining" | "integrity" | "flags";
export interface Sorting {
  readonly by: Order;
  readonly descending: boolean;
}

export function matches(row: RoomRow, filter: Filter): boolean {
  switch (filter) {
    case "all":
      return true;
    case "attention":
      return row.open.critical + row.open.warning > 0;
    case "running":
      return row.running;
    case "gone":
      return row.presence === "gone";
    case "never":
      return row.attempt === null;
    case "over":
      return row.attempt !== null && !row.running;
  }
}

export function countFilters(rows: Iterable<RoomRow>): Record<Filter, number> {
  const counts = { all: 0, attention: 0, running: 0, gone: 0, never: 0, over: 0 };
  for (const row of rows) {
    for (const filter of Object.keys(counts) as Filter[]) if (matches(row, filter)) counts[filter] += 1;
  }
  return counts;
}

const PRESENCE_ORDER: Readonly<Record<PresenceWord, number>> = { gone: 0, here: 1, unknown: 2, never: 3, over: 4 };

/** The rows to show, in order; rows that tie stand by name, so that nothing jumps about. */
export function arrange(rows: Iterable<RoomRow>, filter: Filter, query: string, sorting: Sorting): RoomRow[] {
  const wanted = fold(query.trim());
  const found: RoomRow[] = [];
  for (const row of rows) {
    if (matches(row, filter) && (wanted === "" || fold(row.name).includes(wanted))) found.push(row);
  }
  const sign = sorting.descending ? -1 : 1;
  return found.sort((a, b) => sign * compare(a, b, sorting.by) || collate(a, b));
}

function compare(a: RoomRow, b: RoomRow, by: Order): number {
  switch (by) {
    case "attention":
      return a.attention - b.attention || Number(a.running) - Number(b.running);
    case "name":
      return names.compare(a.name, b.name);
    case "status":
      return (a.attempt?.status ?? "").localeCompare(b.attempt?.status ?? "");
    case "presence":
      return PRESENCE_ORDER[a.presence] - PRESENCE_ORDER[b.presence];
    case "remaining":
      return remaining(a) - remaining(b);
    case "integrity":
      return (a.integrity ?? 2) - (b.integrity ?? 2);
    case "flags":
      return weigh(a) - weigh(b);
  }
}

function remaining(row: RoomRow): number {
  return row.running ? (row.attempt?.deadline ?? Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER;
}

function weigh(row: RoomRow): number {
  return row.open.critical * 10_000 + row.open.warning * 100 + row.flags.length;
}

const names = new Intl.Collator("en", { numeric: true });

function collate(a: RoomRow, b: RoomRow): number {
  return names.compare(a.name, b.name) || (a.studentId < b.studentId ? -1 : 1);
}

function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** The newest flags above notes, and whose they are. */
export function latestFlags(rows: Iterable<RoomRow>, most: number): { flag: FlagRow; row: RoomRow }[] {
  const found: { flag: FlagRow; row: RoomRow }[] = [];
  for (const row of rows) {
    for (const flag of row.flags) if (flag.severity !== "normal") found.push({ flag, row });
  }
  return found.sort((a, b) => b.flag.raised_at - a.flag.raised_at).slice(0, most);
}
