import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LiveBoard } from "./live-board.ts";
import { EXAM, FakeFeed, flagRow, seeded } from "./testing.ts";
import type { Since } from "./frames.ts";

describe("a live board", () => {
  let feed: FakeFeed;
  let board: LiveBoard;
  let watched: (Since | null)[];

  beforeEach(() => {
    vi.useFakeTimers();
    feed = new FakeFeed(seeded(2));
    watched = [];
    board = new LiveBoard(EXAM.exam_id, { watch: (_, since) => watched.push(since) });
    feed.append("student", { student_id: "s", name: "Ada", on_roster: true });
    feed.append("attempt", {
      ix: 1,
      attempt_id: "a",
      student_id: "s",
      status: "in_progress",
      deadline: 9,
      completed_at: null,
    });
    board.reconnected();
    for (const part of feed.snapshot()) board.receive(part);
    vi.advanceTimersByTime(500);
  });
  afterEach(() => {
    board.close();
    vi.useRealTimers();
  });

  it("draws a burst once, and keeps the rows that did not change", () => {
    board.receive(feed.append("student", { student_id: "t", name: "Ben", on_roster: true }));
    const before = board.rows.value;
    expect(before.has("t")).toBe(false);
    board.receive(feed.append("flag", flagRow("f", "a")));
    vi.advanceTimersByTime(500);
    expect([...board.rows.value.keys()].sort()).toEqual(["s", "t"]);
    expect(board.rows.value.get("s")?.open.warning).toBe(1);
    const ada = board.rows.value.get("s");
    board.receive(feed.append("student", { student_id: "t", name: "Benjamin", on_roster: true }));
    vi.advanceTimersByTime(500);
    expect(board.rows.value.get("s")).toBe(ada);
  });

  it("reports new flags, not flags that are sent again or change", () => {
    board.receive(feed.append("flag", flagRow("f", "a")));
    board.receive(feed.append("flag", flagRow("f", "a", { status: "confirmed" })));
    for (const part of feed.snapshot()) board.receive(part);
    vi.advanceTimersByTime(500);
    expect(board.newFlags.value.map(({ flag, name }) => [flag.flag_id, name])).toEqual([["f", "Ada"]]);
  });

  it("shows students as offline when no live values come for some seconds", () => {
    expect(board.rows.value.get("s")?.presence).toBe("unknown");
    vi.advanceTimersByTime(6_000);
    expect(board.rows.value.get("s")?.presence).toBe("offline");
  });

  it("does not show the presence of an earlier connection", () => {
    board.receiveLive({ t: "live", exam_id: EXAM.exam_id, attempts: [[1, true, 3, 4]], since: null });
    vi.advanceTimersByTime(500);
    expect(board.rows.value.get("s")?.presence).toBe("connected");
    board.reconnected();
    vi.advanceTimersByTime(500);
    expect(watched.at(-1)).toEqual({ epoch: feed.epoch, offset: feed.offset });
    expect(board.hasLive.value).toBe(false);
  });

  it("watches again from the last offset at a gap", () => {
    feed.step();
    board.receive(feed.step());
    expect(watched.at(-1)).toEqual({ epoch: feed.epoch, offset: 2 });
  });
});
