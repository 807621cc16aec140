import { describe, expect, it } from "vitest";
import {
  decisionText,
  integrityLevel,
  integrityText,
  labelMeaning,
  labelText,
  numberName,
  numberValue,
  readable,
  ruleText,
  statusText,
  studentName,
} from "./names.ts";

describe("names", () => {
  it("are plain for known values and readable for unknown ones", () => {
    expect([statusText("timed_out"), statusText("in_progress"), statusText("on_hold"), statusText(null)]).toEqual([
      "Timed out",
      "In progress",
      "On hold",
      "Not started",
    ]);
    expect([decisionText("escalated"), decisionText("sent_back")]).toEqual(["Escalated", "Sent back"]);
    expect([ruleText("left_page"), ruleText("seat_moved"), ruleText("x", "left the room")]).toEqual([
      "Left the page",
      "Seat moved",
      "Left the room",
    ]);
  });

  it.each(["constructor", "toString", "__proto__"])("are readable for %s, which every object inherits", (name) => {
    const texts = [statusText(name), decisionText(name), labelText(name), ruleText(name), numberName(name)];
    expect(texts).toEqual(Array(5).fill(readable(name)));
    expect(labelMeaning(name)).toBe("");
  });

  it("give integrity a level", () => {
    expect([0.71, 0.7, 0.41, 0.4, 0, null].map(integrityLevel)).toEqual([
      "good",
      "warning",
      "warning",
      "critical",
      "critical",
      "unknown",
    ]);
    expect(integrityText(null)).toBe("not enough covered");
  });

  it("explain a label, and a missing one", () => {
    expect([labelText("copy"), labelText(null), labelText("new_label")]).toEqual([
      "May have copied",
      "No label",
      "New label",
    ]);
    expect(labelMeaning(null)).toContain("Too little");
    expect(labelMeaning("new_label")).toBe("");
  });

  it("give the numbers of a flag their units", () => {
    expect(["limit_s", "flicker_ms", "chars", "limit_chars", "away"].map(numberName)).toEqual([
      "Limit (s)",
      "Flicker (ms)",
      "Characters",
      "Limit (characters)",
      "Away",
    ]);
    expect([numberValue("share", 0.61), numberValue("after_s", 2.04), numberValue("chars", 1_200)]).toEqual([
      "61 %",
      "2",
      "1,200",
    ]);
  });

  it("find the student of a flag in either form", () => {
    expect([studentName("Ada"), studentName({ name: "Ben" })]).toEqual(["Ada", "Ben"]);
  });
});
