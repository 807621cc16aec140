// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Room } from "./live-board.ts";
import { EXAM, FakeFeed, flagRow, seeded } from "./testing.ts";
import type { Since } from "./frames.ts";

describe("a room on the screen", () => {
  let feed: FakeFeed;
  let room: Room;
  let asked: (Since | null)[];

  beforeEach(() => {
    vi.useFakeTimers();
    feed = new FakeFeed(seeded(2));
    asked = [];
    room = new Room(EXAM.exam_id, { watch: (_, since) => asked.push(since) });
    feed.append("student", { student_id: "s", name: "Ada", on_roster: true });
    feed.append("attempt", {
      ix: 1,
      attempt_id: "a",
      student_id: "s",
      status: "in_progress",
      deadline: 9,
      completed_at: null,
    });
    room.reconnected();
    for (const part of feed.snapshot()) room.take(part);
    vi.advanceTimersByTime(500);
  });
  afterEach(() => {
    room.close();
    vi.useRealTimers();
  });

  it("draws a burst once, and leaves rows that did not change as they were", () => {
    room.take(feed.append("student", { student_id: "t", name: "Ben", on_roster: true }));
    const before = room.rows.value;
    expect(before.has("t")).toBe(false);
    room.take(feed.append("flag", flagRow("f", "a")));
    vi.advanceTimersByTime(500);
    expect([...room.rows.value.keys()].sort()).toEqual(["s", "t"]);
    expect(room.rows.value.get("s")?.open.warning).toBe(1);
    const ada = room.rows.value.get("s");
    room.take(feed.append("student", { student_id: "t", name: "Benjamin", on_roster: true }));
    vi.advanceTimersByTime(500);
    expect(room.rows.value.get("s")).toBe(ada);
  });

  it("tells of flags that are new, not of those it is shown again or that only change", () => {
    room.take(feed.append("flag", flagRow("f", "a")));
    room.take(feed.append("flag", flagRow("f", "a", { status: "confirmed" })));
    for (const part of feed.snapshot()) room.take(part);
    vi.advanceTimersByTime(500);
    expect(room.news.value.map(({ flag, name }) => [flag.flag_id, name])).toEqual([["f", "Ada"]]);
  });

  it("takes a hub that shows no live values for one where nobody is connected, but not at once", () => {
    expect(room.rows.value.get("s")?.presence).toBe("unknown");
    vi.advanceTimersByTime(6_000);
    expect(room.rows.value.get("s")?.presence).toBe("gone");
  });

  it("says nothing of presence from an earlier connection", () => {
    room.takeLive({ t: "live", exam_id: EXAM.exam_id, attempts: [[1, true, 3, 4]], since: null });
    vi.advanceTimersByTime(500);
    expect(room.rows.value.get("s")?.presence).toBe("here");
    room.reconnected();
    vi.advanceTimersByTime(500);
    expect(asked.at(-1)).toEqual({ epoch: feed.epoch, offset: feed.offset });
    expect(room.hasLive.value).toBe(false);
  });

  it("asks for what is missing at a hole", () => {
    feed.step();
    room.take(feed.step());
    expect(asked.at(-1)).toEqual({ epoch: feed.epoch, offset: 2 });
  });
});
