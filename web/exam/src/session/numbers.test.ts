import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readNumber, toAnswer } from "./numbers.ts";

interface Golden {
  zeros: number[];
  numbers: { text: string; value: number; other?: number }[];
  others: string[];
}

const golden = JSON.parse(readFileSync("../tests/golden/numbers.json", "utf8")) as Golden;

describe("a typed number is read as judgement/numbers.py reads it", () => {
  test.each(golden.numbers)("$text", ({ text, value, other }) => {
    expect(readNumber(text)).toEqual({ value, other: other ?? null });
  });

  test.each(golden.others)("%j is no number", (text) => {
    expect(readNumber(text) ?? undefined).toBeUndefined();
  });

  test("digits of every script", () => {
    for (const zero of golden.zeros) {
      const digits = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => String.fromCodePoint(zero + digit)).join("");
      expect(readNumber(digits)).toEqual({ value: 123_456_789, other: null });
    }
  });
});

test("an empty text is no answer, which is no mistake", () => {
  expect(readNumber("")).toBeNull();
  expect(readNumber(" \u200f ")).toBeNull();
});

test.each([
  [13.5, 13.5],
  [2 ** 53, 2 ** 53],
  [-(2 ** 63), "-9223372036854776000"],
  [1e20, "100000000000000000000"],
  [6.022e23, 6.022e23],
  [0.1, 0.1],
])("%j is sent as %j", (value, sent) => {
  expect(toAnswer(value)).toBe(sent);
});
