import { describe, expect, test } from "vitest";
import { fitText, isAnswered, MAX_TEXT_BYTES, newerThan, savedValues, unanswered, wireBytes } from "./answers.ts";
import { LIMITS } from "@veritas/shared/wire/codes.ts";
import type { Item } from "../types.ts";

const item = (name: string, kind: Item["kind"] = "choice"): Item => ({
  item: name,
  kind,
  prompt: name,
  choices: [],
  points: 1,
});

test("blank text and no choice are not an answer, zero is", () => {
  expect(isAnswered(item("a"), {})).toBe(false);
  expect(isAnswered(item("a"), { a: null })).toBe(false);
  expect(isAnswered(item("a", "text"), { a: "  \n" })).toBe(false);
  expect(isAnswered(item("a", "multiple"), { a: [] })).toBe(false);
  expect(isAnswered(item("a", "number"), { a: 0 })).toBe(true);
  expect(unanswered([item("a"), item("b")], { a: "x" }).map((entry) => entry.item)).toEqual(["b"]);
});

describe("the size limit of a text", () => {
  test("counts bytes as JSON does", () => {
    expect(wireBytes('a"é\n')).toBe(1 + 2 + 2 + 2);
  });

  test("keeps a shorter text, and cuts a longer one to the longest beginning that fits", () => {
    expect(fitText("short")).toBe("short");
    const cut = fitText("é".repeat(20_000));
    expect(wireBytes(cut)).toBeLessThanOrEqual(MAX_TEXT_BYTES);
    expect(wireBytes(`${cut}é`)).toBeGreaterThan(MAX_TEXT_BYTES);
  });
});

test.each(["x", "é", "語", "\u0001", '"', "😀"])("the longest text of %j fits a draft", (char) => {
  const draft = { item: "q".repeat(64), text: fitText(char.repeat(40_000)) };
  expect(new TextEncoder().encode(JSON.stringify(draft)).length).toBeLessThanOrEqual(LIMITS.DRAFT_BYTES);
});

describe("answers stored on this device", () => {
  const saved = { a: { value: "server", revision: 1, saved_at: 10_000 } };

  test("count where they are newer than the server's, by the server's clock", () => {
    expect(newerThan(saved, [{ item: "a", value: "mine", at: 9_000 }], 0)).toEqual({});
    expect(newerThan(saved, [{ item: "a", value: "mine", at: 9_000 }], 2_000)).toEqual({ a: "mine" });
    expect(newerThan(saved, [{ item: "b", value: "mine", at: 1 }], 0)).toEqual({ b: "mine" });
  });

  test("the last one of an item counts", () => {
    const local = [
      { item: "b", value: "first", at: 1 },
      { item: "b", value: "second", at: 2 },
    ];
    expect(newerThan(saved, local, 0)).toEqual({ b: "second" });
  });

  test("start with those of the server", () => {
    expect(savedValues(saved)).toEqual({ a: "server" });
  });
});
