/**
 * The numbered part of one exam's board, as a fold of feed rows: a snapshot and the deltas after it make the same board
 * as a later snapshot. Pure: nothing here reads a socket, a clock or the screen. The hub's own is hub/board/board.py.
 */

import type {
  AttemptRow,
  Delta,
  ExamRow,
  FlagRow,
  InstructionRow,
  ScoreRow,
  Since,
  Snapshot,
  StudentRow,
} from "./frames.ts";

/** Which student's row a change touched; `null` means everybody's. */
export type Touched = ReadonlySet<string> | null;

export class Board {
  readonly students = new Map<string, StudentRow>();
  readonly attempts = new Map<string, AttemptRow>();
  /** By attempt; a score that is not known has no row. */
  readonly scores = new Map<string, ScoreRow>();
  readonly flags = new Map<string, FlagRow>();
  /** By attempt: its newest instruction. */
  readonly instructions = new Map<string, InstructionRow>();
  /** Kinds that were met and could not be read: while there are any, only a new snapshot is the whole board. */
  readonly unknown = new Set<string>();

  /** The attempts of each student, in the order they came. */
  readonly attemptsOf = new Map<string, Set<string>>();
  /** The flags of each attempt, in the order they came. */
  readonly flagsOf = new Map<string, Set<string>>();

  constructor(
    readonly exam: ExamRow,
    readonly epoch: string,
    public offset: number,
  ) {}

  /** Build a board from all parts of one snapshot, in any order. Throws when they are not that. */
  static fromParts(parts: Iterable<Snapshot>): Board {
    const found = [...parts].sort((a, b) => a.part - b.part);
    const first = found[0];
    if (first === undefined || found.length !== first.parts || found.some((part, index) => part.part !== index + 1)) {
      throw new Error("parts of the snapshot are missing");
    }
    if (found.some((part) => part.epoch !== first.epoch || part.offset !== first.offset)) {
      throw new Error("the parts are of different snapshots");
    }
    const board = new Board(first.exam, first.epoch, first.offset);
    for (const part of found) {
      for (const row of part.students ?? []) board.placeStudent(row);
      for (const row of part.attempts ?? []) board.placeAttempt(row);
      for (const row of part.scores ?? []) board.placeScore(row);
      for (const row of part.flags ?? []) board.placeFlag(row);
      for (const row of part.instructions ?? []) board.placeInstruction(row);
    }
    return board;
  }

  get since(): Since {
    return { epoch: this.epoch, offset: this.offset };
  }

  /** Take the next change; false, and nothing done, when it is not the next one. */
  apply(delta: Delta): boolean {
    if (delta.offset !== this.offset + 1) return false;
    this.offset = delta.offset;
    switch (delta.kind) {
      case "student":
        this.placeStudent(delta.body as StudentRow);
        break;
      case "attempt":
        this.placeAttempt(delta.body as AttemptRow);
        break;
      case "score":
        this.placeScore(delta.body as ScoreRow);
        break;
      case "flag":
        this.placeFlag(delta.body as FlagRow);
        break;
      case "instruction":
        this.placeInstruction(delta.body as InstructionRow);
        break;
      default:
        this.unknown.add(delta.kind);
    }
    return true;
  }

  /** Whose row a delta is about, if anybody's. */
  studentOf(delta: Delta): string | null {
    const body = delta.body as { student_id?: string; attempt_id?: string };
    if (body.student_id !== undefined) return body.student_id;
    return body.attempt_id === undefined ? null : (this.attempts.get(body.attempt_id)?.student_id ?? null);
  }

  private placeStudent(row: StudentRow): void {
    this.students.set(row.student_id, row);
  }

  private placeAttempt(row: AttemptRow): void {
    this.attempts.set(row.attempt_id, row);
    add(this.attemptsOf, row.student_id, row.attempt_id);
  }

  private placeScore(row: ScoreRow): void {
    if (row.integrity === null && !(typeof row.coverage === "number")) this.scores.delete(row.attempt_id);
    else this.scores.set(row.attempt_id, row);
  }

  private placeFlag(row: FlagRow): void {
    this.flags.set(row.flag_id, row);
    add(this.flagsOf, row.attempt_id, row.flag_id);
  }

  private placeInstruction(row: InstructionRow): void {
    // An older one may be answered after a newer one was given.
    const known = this.instructions.get(row.attempt_id);
    if (known === undefined || known.n <= row.n) this.instructions.set(row.attempt_id, row);
  }
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}
