import { expect, test } from "vitest";
import { formatAgo, formatLeft, formatMoment, formatSpan, momentFormat, ServerClock, timeZone } from "./time.ts";

test("the clock starts with the first reading, and continues with the monotonic clock", () => {
  let steady = 1_000;
  const clock = new ServerClock(() => steady);
  expect(clock.isKnown).toBe(false);
  clock.read(500_000, 980);
  expect(clock.isKnown).toBe(true);
  expect(clock.now()).toBe(500_010);
  steady += 5_000;
  expect(clock.now()).toBe(505_010);
});

test("a more exact reading replaces the last one, a less exact one does not", () => {
  let steady = 1_000;
  const clock = new ServerClock(() => steady);
  clock.read(500_000, 900);
  clock.read(700_000, 0, 500);
  expect(clock.now()).toBe(500_050);
  clock.read(600_000, 998);
  expect(clock.now()).toBe(600_001);
  steady += 10;
  expect(clock.now()).toBe(600_011);
});

test("an old reading becomes less exact, so that a later one replaces it", () => {
  const clock = new ServerClock(() => 1_000);
  clock.read(500_000, 998);
  for (let n = 0; n < 20; n += 1) clock.read(600_000, 960);
  expect(clock.now()).toBe(600_020);
});

test.each([
  [0, "00:00"],
  [-5_000, "00:00"],
  [1, "00:01"],
  [59_001, "01:00"],
  [3_729_000, "1:02:09"],
])("%i ms left are shown as %s", (ms, text) => {
  expect(formatLeft(ms)).toBe(text);
});

test.each([
  [-1, "just now"],
  [999, "just now"],
  [4_000, "4 s ago"],
  [180_000, "3 min ago"],
  [7_200_000, "2 h ago"],
  [172_800_000, "2 d ago"],
])("%i ms ago is shown as %s", (ms, text) => {
  expect(formatAgo(ms)).toBe(text);
});

test.each([
  [45_000, "45 s"],
  [720_000, "12 min"],
  [3_600_000, "1 h"],
  [5_400_000, "1 h 30 min"],
])("%i ms are shown as %s", (ms, text) => {
  expect(formatSpan(ms)).toBe(text);
});

test("a moment is shown with its time zone", () => {
  const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" })
    .formatToParts(0)
    .find(({ type }) => type === "timeZoneName");
  expect(formatMoment(0)).toContain(zone?.value);
  expect(timeZone()).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
});

test("the two moments of a repeated hour are shown differently", () => {
  const format = momentFormat("en-GB", "Europe/Berlin");
  const [summer, winter] = [Date.UTC(2026, 9, 25, 0, 30), Date.UTC(2026, 9, 25, 1, 30)].map((at) => format.format(at));
  expect([summer, winter]).toEqual(["25 Oct 2026, 02:30 CEST", "25 Oct 2026, 02:30 CET"]);
});

test("the hour that summer time skips has no moment: the time after it is shown", () => {
  const format = momentFormat("en-US", "Europe/Berlin");
  expect(format.format(Date.UTC(2026, 2, 29, 1, 30))).toMatch(/Mar 29, 2026, 3:30\sAM GMT\+2/);
});
