// @vitest-environment node
import { describe, expect, it } from "vitest";
import {
  count,
  eventDetail,
  eventText,
  instructionText,
  integrityText,
  integrityWord,
  labelMeaning,
  length,
  numberName,
  numberValue,
  percent,
  shorten,
  statusText,
} from "./format.ts";

describe("numbers in words", () => {
  it("never rounds to certainty", () => {
    expect([0, 0.001, 0.5, 0.999, 1].map(percent)).toEqual(["0 %", "1 %", "50 %", "99 %", "100 %"]);
  });

  it("puts integrity into the words of the scale", () => {
    expect([0.71, 0.7, 0.41, 0.4, 0, null].map(integrityWord)).toEqual([
      "good",
      "warning",
      "warning",
      "critical",
      "critical",
      "unknown",
    ]);
    expect(integrityText(null)).toBe("not enough seen");
  });

  it("says how long an exam is", () => {
    expect([45, 1, 60, 90, 120].map(length)).toEqual(["45 minutes", "1 minute", "1 hour", "1 h 30 min", "2 hours"]);
  });

  it("counts one and many", () => {
    expect([count(1, "flag"), count(0, "flag"), count(1_234, "student")]).toEqual([
      "1 flag",
      "0 flags",
      "1,234 students",
    ]);
  });

  it("names a rule's numbers with their units", () => {
    expect(["limit_s", "flicker_ms", "chars", "limit_chars", "away"].map(numberName)).toEqual([
      "Limit, s",
      "Flicker, ms",
      "Characters",
      "Limit, characters",
      "Away",
    ]);
    expect([numberValue("share", 0.61), numberValue("after_s", 2.04), numberValue("chars", 1_200)]).toEqual([
      "61 %",
      "2",
      "1,200",
    ]);
  });
});

describe("names in words", () => {
  it("has words for what it knows and readable ones for what it does not", () => {
    expect([eventText("tab_hidden"), eventText("seat_moved"), statusText("timed_out"), statusText(null)]).toEqual([
      "Exam tab not visible",
      "Seat moved",
      "Time over",
      "Not started",
    ]);
    expect(labelMeaning(null)).toContain("Too little");
  });

  it("says of a payload what a person needs", () => {
    expect(eventDetail("paste", { chars: 340, item: "q3" })).toBe("340 characters · question q3");
    expect(eventDetail("answered", { item: "q1", value: "b", ms: 9_000 })).toBe("in 9 s · question q1 · “b”");
    expect(eventDetail("alive", {})).toBe("");
  });

  it("says how far an instruction got", () => {
    expect(instructionText({ action: "message", text: "Ten minutes left.", state: "done" })).toBe(
      "Message “Ten minutes left.” · received",
    );
    expect(instructionText({ action: "pause", text: null, state: "failed", code: "unsupported" })).toBe(
      "Pause · could not be carried out (unsupported)",
    );
    expect(instructionText({ action: "end", text: "Left.", state: "failed", code: "unsupported" })).toContain(
      "did not confirm it",
    );
  });

  it("shortens to what fits", () => {
    expect(shorten("a".repeat(100), 10)).toBe(`${"a".repeat(9)}…`);
    expect(shorten("short")).toBe("short");
  });
});
