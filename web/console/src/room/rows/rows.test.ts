import { describe, expect, it } from "vitest";
import { latestFlags, latestUndecided, makeRow } from "./rows.ts";
import { attempt, boardOf, flag, rowOf, student } from "./testing.ts";

describe("a row of the room", () => {
  it("shows a student without an attempt as not started", () => {
    const row = rowOf(boardOf(student("s", "Ada")), "s");
    expect(row).toMatchObject({
      presence: "not_started",
      running: false,
      attempt: null,
      integrity: null,
      latest: null,
      attention: 0,
    });
    expect(makeRow(boardOf(), new Map(), true, "s")).toBeNull();
  });

  it("does not know the presence before live values are received", () => {
    const board = boardOf(student("s", "Ada"), attempt(1, "s"));
    expect(rowOf(board, "s", [], false)).toMatchObject({ presence: "unknown", events: null, seenAt: null });
    expect(rowOf(board, "s", [], true).presence).toBe("offline");
    expect(rowOf(board, "s", [[1, true, 7, 50]]).presence).toBe("connected");
    expect(rowOf(board, "s", [[1, false, 7, 50]])).toMatchObject({ presence: "offline", events: 7, seenAt: 50 });
  });

  it("shows an ended attempt as finished, connected or not", () => {
    const board = boardOf(student("s", "Ada"), attempt(1, "s", "submitted"));
    expect(rowOf(board, "s", [[1, false, 7, 50]]).presence).toBe("finished");
  });

  it("counts undecided flags; notes need no attention", () => {
    const board = boardOf(
      student("s", "Ada"),
      attempt(1, "s"),
      flag("f1", "a1", { severity: "critical" }),
      flag("f2", "a1", { severity: "critical", status: "dismissed" }),
      flag("f3", "a1", { severity: "warning", status: "escalated" }),
      flag("f4", "a1", { severity: "normal" }),
    );
    const row = rowOf(board, "s", [[1, true, 1, 1]]);
    expect(row.open).toEqual({ critical: 1, warning: 1, normal: 1 });
    expect(row.worst).toBe("critical");
    expect(row.attention).toBe(110);
    const note = boardOf(student("s", "Ada"), attempt(1, "s"), flag("f", "a1", { severity: "normal" }));
    expect(rowOf(note, "s", [[1, true, 1, 1]])).toMatchObject({ attention: 0, worst: "normal" });
  });

  it("shows a student's newest attempt", () => {
    const board = boardOf(student("s", "Ada"), attempt(1, "s", "ended"), attempt(2, "s"), flag("f", "a1"));
    expect(rowOf(board, "s")).toMatchObject({ attempt: { ix: 2 }, flags: [] });
  });
});

describe("the latest flag", () => {
  it("is the newest undecided one, for tile and table alike", () => {
    const board = boardOf(
      student("s", "Ada"),
      attempt(1, "s"),
      flag("old", "a1", { raised_at: 1 }),
      flag("escalated", "a1", { raised_at: 2, status: "escalated" }),
      flag("decided", "a1", { raised_at: 3, status: "dismissed" }),
      flag("withdrawn", "a1", { raised_at: 4, status: "withdrawn" }),
    );
    const row = rowOf(board, "s");
    expect(row.flags.map((flag) => flag.flag_id)).toEqual(["withdrawn", "decided", "escalated", "old"]);
    expect(row.latest?.flag_id).toBe("escalated");
  });

  it("is none when all flags are decided", () => {
    expect(latestUndecided([])).toBeNull();
    expect(latestUndecided([{ status: "confirmed" }, { status: "dismissed" }])).toBeNull();
  });
});

describe("the latest flags of a room", () => {
  const board = boardOf(
    student("s1", "Ada"),
    student("s2", "Ben"),
    attempt(1, "s1"),
    attempt(2, "s2"),
    flag("f1", "a2", { severity: "critical", raised_at: 5 }),
    flag("f2", "a1", { severity: "warning", raised_at: 9 }),
    flag("f3", "a2", { severity: "normal", raised_at: 99 }),
  );
  const rows = ["s1", "s2"].map((id) => rowOf(board, id));

  it("are the newest above notes, up to a limit", () => {
    expect(latestFlags(rows, 5).map(({ flag }) => flag.flag_id)).toEqual(["f2", "f1"]);
    expect(latestFlags(rows, 1)).toHaveLength(1);
  });
});
