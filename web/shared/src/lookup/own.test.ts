import { expect, test } from "vitest";
import { own } from "./own.ts";

const INHERITED = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];

test.each(INHERITED)("what an object inherits is not under the key %s", (key) => {
  expect(own({ a: 1 }, key)).toBeUndefined();
  expect(own(JSON.parse(`{"${key}": 1}`) as Record<string, number>, key)).toBe(1);
});

test("what an object has is under its key", () => {
  expect([own({ a: 1 }, "a"), own({ a: 1 }, "b")]).toEqual([1, undefined]);
});
