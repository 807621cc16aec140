import { expect, test } from "vitest";
import { QueueClock } from "./clock.ts";

test("the clock of a queue starts at 0 and never goes back", () => {
  const clock = new QueueClock(1_000);
  expect(clock.read(1_000.9)).toBe(0);
  expect(clock.read(1_050)).toBe(50);
  expect(clock.read(900)).toBe(50);
});

test("it continues after a reload, including the time between", () => {
  const before = new QueueClock(1_000);
  before.read(5_000);
  expect(new QueueClock(9_000, before.state).read(9_000)).toBe(8_000);
});

test("it continues from its last value when the wall clock was set back between two loads", () => {
  const before = new QueueClock(100_000);
  before.read(105_000);
  const after = new QueueClock(50_000, before.state);
  expect(after.read(50_000)).toBe(5_000);
  expect(after.read(51_000)).toBe(6_000);
});
