import { expect, test } from "vitest";
import { cleanText, cleanValue } from "./values.ts";

test("NUL is removed, half of a surrogate pair is replaced, and whole characters stay", () => {
  expect(cleanText("a\0b")).toBe("ab");
  expect(cleanText("a\ud83d")).toBe("a\ufffd");
  expect(cleanText("\ude00b")).toBe("\ufffdb");
  expect(cleanText("😀 é")).toBe("😀 é");
});

test("lists are cleaned too; numbers and null stay", () => {
  expect(cleanValue(["a\0", 1, null, ["\0b"]])).toEqual(["a", 1, null, ["b"]]);
  expect(cleanValue(0)).toBe(0);
});
