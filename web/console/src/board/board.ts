/**
 * The numbered part of one exam's board, folded from feed rows: a snapshot with the deltas after it gives the same board
 * as a later snapshot. Pure: it uses no socket, no clock and no screen. The hub's counterpart is hub/board/board.py.
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

export class Board {
  readonly students = new Map<string, StudentRow>();
  readonly attempts = new Map<string, AttemptRow>();
  /** By attempt. An unknown score has no row. */
  readonly scores = new Map<string, ScoreRow>();
  readonly flags = new Map<string, FlagRow>();
  /** By attempt: its latest instruction. */
  readonly instructions = new Map<string, InstructionRow>();
  /** Kinds of deltas that this console does not know. With any of them, only a new snapshot is complete. */
  readonly unknown = new Set<string>();

  /** The attempts of each student, in the order received. */
  readonly attemptsOf = new Map<string, Set<string>>();
  /** The flags of each attempt, in the order received. */
  readonly flagsOf = new Map<string, Set<string>>();

  constructor(
    readonly exam: ExamRow,
    readonly epoch: string,
    public offset: number,
  ) {}

  /** Build a board from all parts of one snapshot, in any order. Throws if parts are missing or of different snapshots. */
  static fromParts(parts: Iterable<Snapshot>): Board {
    const sorted = [...parts].sort((a, b) => a.part - b.part);
    const first = sorted[0];
    if (first === undefined || sorted.length !== first.parts || sorted.some((part, index) => part.part !== index + 1)) {
      throw new Error("parts of the snapshot are missing");
    }
    if (sorted.some((part) => part.epoch !== first.epoch || part.offset !== first.offset)) {
      throw new Error("the parts belong to different snapshots");
    }
    const board = new Board(first.exam, first.epoch, first.offset);
    for (const part of sorted) {
      for (const row of part.students ?? []) board.putStudent(row);
      for (const row of part.attempts ?? []) board.putAttempt(row);
      for (const row of part.scores ?? []) board.putScore(row);
      for (const row of part.flags ?? []) board.putFlag(row);
      for (const row of part.instructions ?? []) board.putInstruction(row);
    }
    return board;
  }

  get since(): Since {
    return { epoch: this.epoch, offset: this.offset };
  }

  /** Apply the next delta. Returns false and changes nothing if it is not the next one. */
  apply(delta: Delta): boolean {
    if (delta.offset !== this.offset + 1) return false;
    this.offset = delta.offset;
    switch (delta.kind) {
      case "student":
        this.putStudent(delta.body as StudentRow);
        break;
      case "attempt":
        this.putAttempt(delta.body as AttemptRow);
        break;
      case "score":
        this.putScore(delta.body as ScoreRow);
        break;
      case "flag":
        this.putFlag(delta.body as FlagRow);
        break;
      case "instruction":
        this.putInstruction(delta.body as InstructionRow);
        break;
      default:
        this.unknown.add(delta.kind);
    }
    return true;
  }

  /** The student whose row a delta changes; null if there is none. */
  studentOf(delta: Delta): string | null {
    const body = delta.body as { student_id?: string; attempt_id?: string };
    if (body.student_id !== undefined) return body.student_id;
    return body.attempt_id === undefined ? null : (this.attempts.get(body.attempt_id)?.student_id ?? null);
  }

  private putStudent(row: StudentRow): void {
    this.students.set(row.student_id, row);
  }

  private putAttempt(row: AttemptRow): void {
    this.attempts.set(row.attempt_id, row);
    add(this.attemptsOf, row.student_id, row.attempt_id);
  }

  private putScore(row: ScoreRow): void {
    if (row.integrity === null && !(typeof row.coverage === "number")) this.scores.delete(row.attempt_id);
    else this.scores.set(row.attempt_id, row);
  }

  private putFlag(row: FlagRow): void {
    this.flags.set(row.flag_id, row);
    add(this.flagsOf, row.attempt_id, row.flag_id);
  }

  private putInstruction(row: InstructionRow): void {
    // The result of an older instruction may come after a newer instruction.
    const known = this.instructions.get(row.attempt_id);
    if (known === undefined || known.n <= row.n) this.instructions.set(row.attempt_id, row);
  }
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}
