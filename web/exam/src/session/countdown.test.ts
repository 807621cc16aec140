import { expect, test } from "vitest";
import { clockTone, leftMs, minutesMark } from "./countdown.ts";

const MIN = 60_000;

test("the time left is never below zero, and unknown without a deadline", () => {
  expect(leftMs(10_000, 4_000)).toBe(6_000);
  expect(leftMs(10_000, 14_000)).toBe(0);
  expect(leftMs(null, 1)).toBeNull();
});

test("ten, five and one minute are announced once, when they are passed", () => {
  expect(minutesMark(10 * MIN + 500, 10 * MIN - 500)).toBe(10);
  expect(minutesMark(10 * MIN - 500, 10 * MIN - 1_500)).toBeNull();
  expect(minutesMark(5 * MIN + 1, 5 * MIN)).toBe(5);
  expect(minutesMark(MIN + 1, MIN)).toBe(1);
});

test("a page that was suspended past several marks announces the smallest one, and nothing at the start or the end", () => {
  expect(minutesMark(11 * MIN, 30_000)).toBe(1);
  expect(minutesMark(11 * MIN, 4 * MIN)).toBe(5);
  expect(minutesMark(null, 30_000)).toBeNull();
  expect(minutesMark(2_000, 0)).toBeNull();
});

test("the tone becomes more urgent", () => {
  expect([null, 6 * MIN, 5 * MIN, MIN].map(clockTone)).toEqual(["neutral", "neutral", "warning", "critical"]);
});
