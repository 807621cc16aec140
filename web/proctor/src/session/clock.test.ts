// @vitest-environment node
import { expect, test } from "vitest";
import { QueueClock } from "./clock.ts";

test("a queue's clock begins at 0 and never goes back", () => {
  const clock = new QueueClock(1_000);
  expect(clock.read(1_000.9)).toBe(0);
  expect(clock.read(1_050)).toBe(50);
  expect(clock.read(900)).toBe(50);
});

test("it goes on after a reload, counting the time between", () => {
  const before = new QueueClock(1_000);
  before.read(5_000);
  expect(new QueueClock(9_000, before.memo).read(9_000)).toBe(8_000);
});

test("it goes on from where it stood when the time of day was set back between two loads", () => {
  const before = new QueueClock(100_000);
  before.read(105_000);
  const after = new QueueClock(50_000, before.memo);
  expect(after.read(50_000)).toBe(5_000);
  expect(after.read(51_000)).toBe(6_000);
});
