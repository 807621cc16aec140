import { expect, test } from "vitest";
import { Backoff, FIRST_DELAY_MS, MAX_DELAY_MS } from "./backoff.ts";

test("the limit of a delay doubles from 0.5 s to 30 s", () => {
  const backoff = new Backoff(() => 1);
  const delays = Array.from({ length: 9 }, () => backoff.next());
  expect(delays).toEqual([
    FIRST_DELAY_MS,
    1_000,
    2_000,
    4_000,
    8_000,
    16_000,
    MAX_DELAY_MS,
    MAX_DELAY_MS,
    MAX_DELAY_MS,
  ]);
});

test("a delay is uniform between 0 and its limit", () => {
  expect(new Backoff(() => 0).next()).toBe(0);
  expect(new Backoff(() => 0.5).next()).toBe(250);
});

test("a delay stays finite after thousands of failures", () => {
  const backoff = new Backoff(() => 1);
  for (let n = 0; n < 5_000; n += 1) backoff.next();
  expect(backoff.next()).toBe(MAX_DELAY_MS);
});

test("reset starts again with the shortest delay", () => {
  const backoff = new Backoff(() => 1);
  for (let n = 0; n < 5; n += 1) backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(FIRST_DELAY_MS);
});

test("a delay within a given limit counts no failure", () => {
  const backoff = new Backoff(() => 0.5);
  expect(backoff.within(8_000)).toBe(4_000);
  expect(backoff.within(0)).toBe(0);
  expect(backoff.next()).toBe(FIRST_DELAY_MS / 2);
});
