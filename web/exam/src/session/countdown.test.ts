// @vitest-environment node
import { expect, test } from "vitest";
import { leftMs, passedMark, toneOf } from "./countdown.ts";

const MIN = 60_000;

test("what is left is never below zero, and unknown without a deadline", () => {
  expect(leftMs(10_000, 4_000)).toBe(6_000);
  expect(leftMs(10_000, 14_000)).toBe(0);
  expect(leftMs(null, 1)).toBeNull();
});

test("ten, five and one minute are said once, when they are passed", () => {
  expect(passedMark(10 * MIN + 500, 10 * MIN - 500)).toBe("10 minutes left.");
  expect(passedMark(10 * MIN - 500, 10 * MIN - 1_500)).toBeNull();
  expect(passedMark(5 * MIN + 1, 5 * MIN)).toBe("5 minutes left.");
  expect(passedMark(MIN + 1, MIN)).toBe("One minute left.");
});

test("a page that slept through several says the one that counts, and nothing at the start or the end", () => {
  expect(passedMark(11 * MIN, 30_000)).toBe("One minute left.");
  expect(passedMark(11 * MIN, 4 * MIN)).toBe("5 minutes left.");
  expect(passedMark(null, 30_000)).toBeNull();
  expect(passedMark(2_000, 0)).toBeNull();
});

test("the tone grows with the hurry", () => {
  expect([null, 6 * MIN, 5 * MIN, MIN].map(toneOf)).toEqual(["neutral", "neutral", "warning", "critical"]);
});
