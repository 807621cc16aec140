/** Boards and rows for tests of the room. It must never be part of a page. */

import { Board } from "../../board/board.ts";
import type { Delta, Presence } from "../../board/frames.ts";
import { EXAM, flagRow } from "../../board/testing.ts";
import { makeRow, type RoomRow } from "./rows.ts";

type Change = [kind: string, body: object];

export function boardOf(...changes: Change[]): Board {
  const board = new Board(EXAM, "1-1", 0);
  changes.forEach(([kind, body], at) => {
    board.apply({ t: "delta", exam_id: EXAM.exam_id, offset: at + 1, kind, body } as Delta);
  });
  return board;
}

export function student(id: string, name: string): Change {
  return ["student", { student_id: id, name, on_roster: true }];
}

export function attempt(ix: number, of: string, status = "in_progress", deadline: number | null = 9_000): Change {
  return ["attempt", { ix, attempt_id: `a${ix}`, student_id: of, status, deadline, completed_at: null }];
}

export function flag(id: string, of: string, some: object = {}): Change {
  return ["flag", flagRow(id, of, some)];
}

export function rowOf(board: Board, id: string, presence: Presence[] = [], hasLive = true): RoomRow {
  const row = makeRow(board, new Map(presence.map((values) => [values[0], values])), hasLive, id);
  if (row === null) throw new Error(`no row of ${id}`);
  return row;
}

/** A room of `size` students; every third has left the page three times. */
export function roomOf(size: number): RoomRow[] {
  const ids = Array.from({ length: size }, (_, at) => at + 1);
  const board = boardOf(
    ...ids.map((ix) => student(`s${ix}`, `Student ${ix}`)),
    ...ids.map((ix) => attempt(ix, `s${ix}`)),
    ...ids.filter((ix) => ix % 3 === 0).map((ix) => flag(`f${ix}`, `a${ix}`)),
  );
  return ids.map((ix) => rowOf(board, `s${ix}`, [[ix, true, 5, 1]]));
}
