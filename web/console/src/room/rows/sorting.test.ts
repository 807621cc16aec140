import { describe, expect, it } from "vitest";
import type { RoomRow } from "./rows.ts";
import { arrange, countFilters, type Filter, keepOrder } from "./sorting.ts";
import { attempt, boardOf, flag, rowOf, student } from "./testing.ts";

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
);
const rows = [...board.students.keys()].map((id) =>
  rowOf(board, id, [
    [1, true, 1, 1],
    [2, false, 1, 1],
  ]),
);
const names = (found: readonly RoomRow[]): string[] => found.map((row) => row.name);

describe("the rows of a room", () => {
  it("begin with those that need attention, then those in progress, then by name", () => {
    expect(names(arrange(rows, "all", "", { by: "attention", descending: true }))).toEqual([
      "Ben",
      "Žofie Dvořák",
      "Ada",
      "Student 9",
      "Student 10",
    ]);
  });

  it("are sorted by name with numbers as numbers, in both directions", () => {
    const up = names(arrange(rows, "all", "", { by: "name", descending: false }));
    expect(up).toEqual(["Ada", "Ben", "Student 9", "Student 10", "Žofie Dvořák"]);
    expect(names(arrange(rows, "all", "", { by: "name", descending: true }))).toEqual([...up].reverse());
  });

  it("are sorted by time left, and finished ones come last", () => {
    const sorted = names(arrange(rows, "all", "", { by: "remaining", descending: false }));
    expect(sorted.slice(0, 2)).toEqual(["Ben", "Žofie Dvořák"]);
  });

  it("are sorted by presence, status, integrity and flags", () => {
    const first = (by: "presence" | "status" | "integrity" | "flags", descending: boolean): string | undefined =>
      names(arrange(rows, "all", "", { by, descending }))[0];
    expect(first("presence", false)).toBe("Ben");
    expect(first("status", true)).toBe("Ada");
    expect(first("integrity", false)).toBe("Ada");
    expect(first("flags", true)).toBe("Ben");
  });

  it("are found by name without accents and case", () => {
    expect(names(arrange(rows, "all", " zofie dvorak", { by: "name", descending: false }))).toEqual(["Žofie Dvořák"]);
  });

  it("are as many as the filters count", () => {
    const counts = countFilters(rows);
    expect(counts).toEqual({ all: 5, attention: 2, in_progress: 2, offline: 1, not_started: 2, finished: 1 });
    for (const [filter, number] of Object.entries(counts)) {
      expect(arrange(rows, filter as Filter, "", { by: "name", descending: false })).toHaveLength(number);
    }
  });

  it("keep an earlier order, with new students at the end", () => {
    const sorted = arrange(rows, "all", "", { by: "name", descending: false });
    expect(names(keepOrder(sorted, ["s2", "s3"])).slice(0, 2)).toEqual(["Ben", "Ada"]);
  });
});
