// @vitest-environment node
import { describe, expect, it } from "vitest";
import { Board } from "../../board/board.ts";
import { arrange, countFilters, latestFlags, makeRow, type RoomRow } from "./rows.ts";
import { EXAM, flagRow } from "../../board/testing.ts";
import type { Delta, Presence } from "../../board/frames.ts";

function boardOf(...changes: [kind: string, body: object][]): Board {
  const board = new Board(EXAM, "1-1", 0);
  changes.forEach(([kind, body], at) => {
    board.apply({ t: "delta", exam_id: EXAM.exam_id, offset: at + 1, kind, body } as unknown as Delta);
  });
  return board;
}

const student = (id: string, name: string): [string, object] => ["student", { student_id: id, name, on_roster: true }];
const attempt = (ix: number, of: string, status = "in_progress", deadline: number | null = 9_000): [string, object] => [
  "attempt",
  { ix, attempt_id: `a${ix}`, student_id: of, status, deadline, completed_at: null },
];
const flag = (id: string, of: string, some: object = {}): [string, object] => ["flag", flagRow(id, of, some)];

function row(board: Board, id: string, presence: Presence[] = [], hasLive = true): RoomRow {
  const found = makeRow(board, new Map(presence.map((one) => [one[0], one])), hasLive, id);
  if (found === null) throw new Error("no such row");
  return found;
}

describe("a row of the room", () => {
  it("says of somebody who has not started just that", () => {
    const found = row(boardOf(student("s", "Ada")), "s");
    expect(found).toMatchObject({ presence: "never", running: false, attempt: null, integrity: null, attention: 0 });
  });

  it("says nothing about presence before live values have come", () => {
    const board = boardOf(student("s", "Ada"), attempt(1, "s"));
    expect(row(board, "s", [], false).presence).toBe("unknown");
    expect(row(board, "s", [], true).presence).toBe("gone");
    expect(row(board, "s", [[1, true, 7, 50]]).presence).toBe("here");
    expect(row(board, "s", [[1, false, 7, 50]])).toMatchObject({ presence: "gone", events: 7, seenAt: 50 });
  });

  it("tells neither here nor gone of an attempt that is over", () => {
    const board = boardOf(student("s", "Ada"), attempt(1, "s", "submitted"));
    expect(row(board, "s", [[1, false, 7, 50]]).presence).toBe("over");
  });

  it("counts what nobody has decided about; notes ask for no attention", () => {
    const board = boardOf(
      student("s", "Ada"),
      attempt(1, "s"),
      flag("f1", "a1", { severity: "critical" }),
      flag("f2", "a1", { severity: "critical", status: "dismissed" }),
      flag("f3", "a1", { severity: "warning", status: "escalated" }),
      flag("f4", "a1", { severity: "normal" }),
    );
    const found = row(board, "s", [[1, true, 1, 1]]);
    expect(found.open).toEqual({ critical: 1, warning: 1, normal: 1 });
    expect(found.worst).toBe("critical");
    expect(found.attention).toBe(110);
    const note = boardOf(student("s", "Ada"), attempt(1, "s"), flag("f", "a1", { severity: "normal" }));
    expect(row(note, "s", [[1, true, 1, 1]]).attention).toBe(0);
  });

  it("shows a student's newest attempt", () => {
    const board = boardOf(student("s", "Ada"), attempt(1, "s", "ended"), attempt(2, "s"), flag("f", "a1"));
    expect(row(board, "s")).toMatchObject({ attempt: { ix: 2 }, flags: [] });
  });
});

describe("the order of rows", () => {
  const board = boardOf(
    student("s1", "Žofie Dvořák"),
    student("s2", "Ben"),
    student("s3", "Ada"),
    student("s4", "Student 10"),
    student("s5", "Student 9"),
    attempt(1, "s1", "in_progress", 5_000),
    attempt(2, "s2", "in_progress", 4_000),
    attempt(3, "s3", "submitted"),
    flag("f1", "a2", { severity: "critical", raised_at: 5 }),
    flag("f2", "a1", { severity: "warning", raised_at: 9 }),
    flag("f3", "a3", { severity: "normal", raised_at: 99 }),
  );
  const rows = [...board.students.keys()].map((id) =>
    row(board, id, [
      [1, true, 1, 1],
      [2, false, 1, 1],
    ]),
  );
  const names = (found: RoomRow[]): string[] => found.map((one) => one.name);

  it("puts first what asks for attention, then who is at work, then by name", () => {
    expect(names(arrange(rows, "all", "", { by: "attention", descending: true }))).toEqual([
      "Ben",
      "Žofie Dvořák",
      "Ada",
      "Student 9",
      "Student 10",
    ]);
  });

  it("goes by name as people count, either way", () => {
    const up = names(arrange(rows, "all", "", { by: "name", descending: false }));
    expect(up).toEqual(["Ada", "Ben", "Student 9", "Student 10", "Žofie Dvořák"]);
    expect(names(arrange(rows, "all", "", { by: "name", descending: true }))).toEqual([...up].reverse());
  });

  it("puts least time first, and whoever has none to lose last", () => {
    expect(names(arrange(rows, "all", "", { by: "remaining", descending: false })).slice(0, 2)).toEqual([
      "Ben",
      "Žofie Dvořák",
    ]);
  });

  it("finds names whatever their accents and case", () => {
    expect(names(arrange(rows, "all", " zofie dvorak", { by: "name", descending: false }))).toEqual(["Žofie Dvořák"]);
  });

  it("filters as it counts", () => {
    const counts = countFilters(rows);
    expect(counts).toEqual({ all: 5, attention: 2, running: 2, gone: 1, never: 2, over: 1 });
    for (const [filter, count] of Object.entries(counts)) {
      expect(arrange(rows, filter as "all", "", { by: "name", descending: false })).toHaveLength(count);
    }
  });

  it("lists the newest flags above notes", () => {
    expect(latestFlags(rows, 5).map(({ flag: one }) => one.flag_id)).toEqual(["f2", "f1"]);
    expect(latestFlags(rows, 1)).toHaveLength(1);
  });
});
