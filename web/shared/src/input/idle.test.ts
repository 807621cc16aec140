import { expect, it } from "vitest";
import { watchIdle } from "./idle.ts";

it("is idle from the second check on, until there is input", () => {
  const isIdle = watchIdle();
  expect(isIdle()).toBe(false);
  expect(isIdle()).toBe(true);
  expect(isIdle()).toBe(true);
  window.dispatchEvent(new Event("keydown"));
  expect(isIdle()).toBe(false);
  expect(isIdle()).toBe(true);
});
