/** A feed for tests: random but repeatable rows in the frames of the hub. It must never be part of a page. */

import { Board } from "./board.ts";
import type { Delta, Snapshot } from "./frames.ts";

export const EXAM = { exam_id: "exam", title: "Physics", duration_minutes: 90 };

/** A repeatable random generator (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Body = Delta["body"];

export class FakeFeed {
  readonly deltas: Delta[] = [];
  epoch = "1-1";

  constructor(private readonly random: () => number) {}

  get offset(): number {
    return this.deltas.length;
  }

  pick(most: number): number {
    return Math.floor(this.random() * most);
  }

  append(kind: string, body: unknown): Delta {
    const delta = { t: "delta", exam_id: EXAM.exam_id, offset: this.offset + 1, kind, body: body as Body } as Delta;
    this.deltas.push(delta);
    return delta;
  }

  /** Append a random change. */
  step(): Delta {
    const student = `s${this.pick(6)}`;
    const attempt = `a${this.pick(6)}`;
    switch (this.pick(5)) {
      case 0:
        return this.append("student", {
          student_id: student,
          name: `Student ${student}`,
          on_roster: this.random() < 0.8,
        });
      case 1: {
        const ix = Number(attempt.slice(1)) + 1;
        const status = ["in_progress", "submitted", "ended"][this.pick(3)];
        return this.append("attempt", {
          ix,
          attempt_id: attempt,
          student_id: `s${ix - 1}`,
          status,
          deadline: 1_000 * this.pick(9),
          completed_at: null,
        });
      }
      case 2: {
        const integrity = this.random() < 0.3 ? null : this.pick(10) / 10;
        return this.append("score", {
          attempt_id: attempt,
          integrity,
          coverage: this.random() < 0.5 ? null : this.pick(10) / 10,
        });
      }
      case 3: {
        const flag = `f${this.pick(8)}`;
        const status = ["open", "confirmed", "dismissed"][this.pick(3)];
        return this.append(
          "flag",
          flagRow(flag, `a${Number(flag.slice(1)) % 6}`, { status, raised_at: 1_000 + Number(flag.slice(1)) }),
        );
      }
      default:
        return this.append("instruction", {
          attempt_id: attempt,
          n: 1 + this.pick(4),
          action: "message",
          text: "Hello",
          state: ["sent", "done"][this.pick(2)],
          code: null,
        });
    }
  }

  /** A snapshot of the board now, in this many parts. */
  snapshot(parts = 1): Snapshot[] {
    const board = this.board();
    const rows = [
      ...[...board.students.values()].map((row) => ["students", row] as const),
      ...[...board.attempts.values()].map((row) => ["attempts", row] as const),
      ...[...board.scores.values()].map((row) => ["scores", row] as const),
      ...[...board.flags.values()].map((row) => ["flags", row] as const),
      ...[...board.instructions.values()].map((row) => ["instructions", row] as const),
    ];
    const size = Math.ceil(rows.length / parts) || 1;
    return Array.from({ length: parts }, (_, at) => {
      const part = { ...emptyPart(this.epoch, this.offset, at + 1, parts) };
      for (const [list, row] of rows.slice(at * size, (at + 1) * size)) (part[list] as unknown[]).push(row);
      return part;
    });
  }

  /** The board folded from all deltas. */
  board(): Board {
    const board = new Board(EXAM, this.epoch, 0);
    for (const delta of this.deltas) board.apply(delta);
    return board;
  }
}

export function emptyPart(epoch: string, offset: number, part = 1, parts = 1): Snapshot {
  return {
    t: "snapshot",
    exam_id: EXAM.exam_id,
    epoch,
    offset,
    part,
    parts,
    exam: EXAM,
    students: [],
    attempts: [],
    scores: [],
    flags: [],
    instructions: [],
  };
}

export function flagRow(flag: string, attempt: string, some: object = {}): object {
  return {
    flag_id: flag,
    attempt_id: attempt,
    source: "rule",
    rule: "left_page",
    severity: "warning",
    confidence: 0.8,
    summary: "Left the page.",
    status: "open",
    raised_at: 1_000,
    reviewed_by: null,
    reason: null,
    ...some,
  };
}

/** The contents of a board, to compare two boards. */
export function contents(board: Board | null): unknown {
  if (board === null) return null;
  const { epoch, offset, students, attempts, scores, flags, instructions } = board;
  const sorted = <T>(rows: Map<string, T>): [string, T][] => [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    epoch,
    offset,
    rows: [students, attempts, scores, flags, instructions].map((rows) => sorted(rows as Map<string, unknown>)),
  };
}
