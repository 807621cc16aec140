import { describe, expect, it } from "vitest";
import { Board } from "./board.ts";
import { EXAM, FakeFeed, contents, emptyPart, flagRow, seeded } from "./testing.ts";
import type { Delta } from "./frames.ts";

describe("a board", () => {
  it("is the same from a snapshot and later deltas as from a later snapshot, at any interleaving", () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const random = seeded(seed);
      const feed = new FakeFeed(random);
      const before = Math.floor(random() * 40);
      for (let n = 0; n < before; n += 1) feed.step();
      const parts = 1 + Math.floor(random() * 4);
      const shuffled = feed.snapshot(parts).sort(() => random() - 0.5);
      const board = Board.fromParts(shuffled);
      const after = Math.floor(random() * 40);
      for (let n = 0; n < after; n += 1) expect(board.apply(feed.step())).toBe(true);
      expect(contents(board)).toEqual(contents(Board.fromParts(feed.snapshot())));
    }
  });

  it("applies no delta but the next one", () => {
    const feed = new FakeFeed(seeded(1));
    const board = Board.fromParts(feed.snapshot());
    const [first, second] = [feed.step(), feed.step()];
    expect(board.apply(second)).toBe(false);
    expect(board.apply(first)).toBe(true);
    expect(board.apply(first)).toBe(false);
    expect(board.apply(second)).toBe(true);
    expect(contents(board)).toEqual(contents(feed.board()));
  });

  it("keeps an attempt's latest instruction, regardless of which result comes last", () => {
    const feed = new FakeFeed(seeded(1));
    const instruction = (n: number, state: string): Delta =>
      feed.append("instruction", { attempt_id: "a", n, action: "message", text: null, state, code: null });
    const board = new Board(EXAM, "1-1", 0);
    for (const delta of [instruction(1, "sent"), instruction(2, "sent"), instruction(1, "done")]) board.apply(delta);
    expect(board.instructions.get("a")).toMatchObject({ n: 2, state: "sent" });
  });

  it("removes a score that is unknown again, and keeps the coverage of a score without a number", () => {
    const feed = new FakeFeed(seeded(1));
    const board = new Board(EXAM, "1-1", 0);
    board.apply(feed.append("score", { attempt_id: "a", integrity: 0.9, coverage: 0.8 }));
    board.apply(feed.append("score", { attempt_id: "a", integrity: null, coverage: 0.3 }));
    expect(board.scores.get("a")).toMatchObject({ integrity: null, coverage: 0.3 });
    board.apply(feed.append("score", { attempt_id: "a", integrity: null, coverage: null }));
    expect(board.scores.has("a")).toBe(false);
  });

  it("counts a delta of an unknown kind, and records the kind", () => {
    const feed = new FakeFeed(seeded(1));
    const board = new Board(EXAM, "1-1", 0);
    expect(board.apply(feed.append("claim", { flag_id: "f" }))).toBe(true);
    expect(board.offset).toBe(1);
    expect([...board.unknown]).toEqual(["claim"]);
  });

  it("knows the student of a change, also for the first attempt of a student", () => {
    const feed = new FakeFeed(seeded(1));
    const board = new Board(EXAM, "1-1", 0);
    const attempt = feed.append("attempt", {
      ix: 1,
      attempt_id: "a",
      student_id: "s",
      status: "in_progress",
      deadline: null,
    });
    board.apply(attempt);
    const flag = feed.append("flag", flagRow("f", "a"));
    board.apply(flag);
    expect([board.studentOf(attempt), board.studentOf(flag)]).toEqual(["s", "s"]);
    expect([...(board.flagsOf.get("a") ?? [])]).toEqual(["f"]);
  });

  it("is not built from incomplete parts or from parts of different snapshots", () => {
    const part = emptyPart("1-1", 7, 1, 2);
    expect(() => Board.fromParts([part])).toThrow("missing");
    expect(() => Board.fromParts([])).toThrow("missing");
    expect(() => Board.fromParts([part, emptyPart("1-1", 8, 2, 2)])).toThrow("different");
  });
});
