import { describe, expect, it } from "vitest";
import { count, duration, percent, points, shorten } from "./numbers.ts";
import { ANALYTICS } from "../texts/analytics.ts";
import { ITEMS } from "../texts/items.ts";
import { SETUP } from "../texts/setup.ts";

describe("numbers", () => {
  it("are rounded to 0 % and 100 % only when they are exact", () => {
    expect([0, 0.001, 0.5, 0.999, 1].map(percent)).toEqual(["0 %", "1 %", "50 %", "99 %", "100 %"]);
  });

  it("give a duration in minutes or hours", () => {
    expect([45, 1, 60, 90, 120].map(duration)).toEqual(["45 minutes", "1 minute", "1 hour", "1 h 30 min", "2 hours"]);
  });

  it("are counted with a noun in singular or plural", () => {
    expect([count(1, "flag"), count(0, "flag"), count(1_234, "student")]).toEqual([
      "1 flag",
      "0 flags",
      "1,234 students",
    ]);
  });

  it("show points with at most two decimals", () => {
    expect([points(3), points(2.5), points(1 / 3)]).toEqual(["3", "2.5", "0.33"]);
  });

  it("shorten a text to a limit", () => {
    expect(shorten("a".repeat(100), 10)).toBe(`${"a".repeat(9)}…`);
    expect(shorten("short")).toBe("short");
  });
});

it("names points in the right number", () => {
  expect([ANALYTICS.ofPoints("1"), ANALYTICS.ofPoints("1.5")]).toEqual(["of 1 point", "of 1.5 points"]);
  expect(ANALYTICS.pointsToPass("1")).toBe("1 point to pass");
  expect(ITEMS.summary("1 question", "1", 2)).toBe("1 question, 1 point. Version 2");
  expect(SETUP.cannotPass("1", "0")).toContain("1 point is needed");
  expect(SETUP.cannotPass("2", "1")).toContain("2 points are needed");
});
