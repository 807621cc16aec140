import { describe, expect, it } from "vitest";
import { EVENT_MEANINGS } from "@veritas/shared/wire/constants.ts";
import { EVENTS } from "../texts/events.ts";
import { eventDetail, eventText } from "./events.ts";
import { readable } from "./names.ts";

describe("an event", () => {
  it("has a name, a readable one if its type is unknown", () => {
    expect([eventText("tab_hidden"), eventText("seat_moved")]).toEqual(["Exam tab hidden", "Seat moved"]);
  });

  it.each(["constructor", "toString"])("has a readable name for the type %s, which every object inherits", (type) => {
    expect(eventText(type)).toBe(readable(type));
    expect(eventDetail("clock_mismatch", { kind: type })).toBe(readable(type));
    expect(eventDetail(type, JSON.parse('{"__proto__": {"chars": 5}}') as Record<string, unknown>)).toBe("");
  });

  it("has a name for every type of the protocol", () => {
    expect(Object.keys(EVENT_MEANINGS).filter((type) => !(type in EVENTS))).toEqual([]);
  });

  it("shows the parts of its payload in order", () => {
    expect(eventDetail("paste", { chars: 340, item: "q3" })).toBe("340 characters · question q3");
    expect(eventDetail("answered", { item: "q1", value: "b", ms: 9_000 })).toBe("in 9 s · question q1 · “b”");
    expect(eventDetail("answered", { value: ["a", "b"] })).toBe('“["a","b"]”');
    expect(eventDetail("eye_movement", { on_screen: false, confidence: 0.8 })).toBe("off the screen · confidence 80 %");
    expect(eventDetail("cohort_outage", { lost: 4, of: 9, cause: "network_down" })).toBe(
      "cause: network down · 4 of 9",
    );
    expect(eventDetail("heartbeat_resumed", { silent_ms: 25_000 })).toBe("no signal for 25 s");
    expect(eventDetail("heartbeat_missed", { since: 1, connected: true })).toBe("the page stayed connected");
    expect(eventDetail("events_lost", { from: 12, reason: "storage" })).toBe("from event 12 · storage");
  });

  it("says how a clock was wrong, and shows its server times to no one as numbers of events", () => {
    const times = { stream: "s", from: 1_900_000_000_000, to: 1_900_000_030_000 };
    expect(eventDetail("clock_mismatch", { ...times, kind: "slow" })).toBe("it stopped or was too slow");
    expect(eventDetail("clock_mismatch", { ...times, kind: "seen_later" })).toBe("Seen later");
  });

  it("shows nothing of an empty payload, of null, or of values of another type", () => {
    expect(eventDetail("alive", {})).toBe("");
    expect(eventDetail("alive", { ms: 10_000 })).toBe("");
    expect(eventDetail("paste", { chars: "many", item: null, lost: 3 })).toBe("");
  });
});
