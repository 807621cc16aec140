import { describe, expect, test } from "vitest";
import { fitText, isAnswered, MAX_TEXT_BYTES, restoreAnswers, savedValues, unanswered, wireBytes } from "./answers.ts";
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

describe.each(["__proto__", "constructor", "toString"])("a question with the name %s", (name) => {
  const answer = { item: name, value: "here", at: 0, isStored: false };
  const saved = { value: "server", revision: 1, saved_at: 10_000, stream: "other" };
  const asSent = JSON.parse(`{"${name}": ${JSON.stringify(saved)}}`) as Record<string, typeof saved>;

  test("is not answered before it is", () => {
    expect(isAnswered(item(name), {})).toBe(false);
    expect(isAnswered(item(name), savedValues(asSent))).toBe(true);
  });

  test("takes the answer of this device where the server has none, and no object changes", () => {
    const { newer, conflicts } = restoreAnswers({}, [answer], new Set());
    expect([Object.entries(newer), Object.keys(conflicts)]).toEqual([[[name, "here"]], []]);
    expect(Object.getPrototypeOf(newer)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).here).toBeUndefined();
  });

  test("has a conflict with an answer from elsewhere", () => {
    const { newer, conflicts } = restoreAnswers(asSent, [answer], new Set());
    expect([Object.keys(newer), Object.keys(conflicts)]).toEqual([[], [name]]);
  });
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
  const saved = { a: { value: "server", revision: 1, saved_at: 10_000, stream: "mine" } };
  const streams = new Set(["mine"]);
  const local = (value: string, more: object = {}) => ({ item: "a", value, at: 0, isStored: false, ...more });

  test.each([-3_600_000, 0, 9_999, 10_001, 9e15])(
    "are newer than the server's from the same queue, at any clock (%i)",
    (at) => {
      expect(restoreAnswers(saved, [local("here", { at })], streams)).toEqual({ newer: { a: "here" }, conflicts: {} });
      const acknowledged = local("here", { at, isStored: true });
      expect(restoreAnswers(saved, [acknowledged], streams).newer).toEqual({ a: "here" });
    },
  );

  test("are taken where the server has none, and the last one of an item counts", () => {
    expect(restoreAnswers({}, [local("first"), local("second")], streams).newer).toEqual({ a: "second" });
  });

  test("are a conflict when the server's came from elsewhere, unless they are equal", () => {
    const elsewhere = { a: { ...saved.a, stream: "other" } };
    expect(restoreAnswers(elsewhere, [local("here")], streams)).toEqual({
      newer: {},
      conflicts: { a: { here: "here", there: "server", savedAt: 10_000 } },
    });
    expect(restoreAnswers(elsewhere, [local("server")], streams)).toEqual({ newer: {}, conflicts: {} });
  });

  test("that the server has are ranked by the server", () => {
    const elsewhere = { a: { ...saved.a, stream: "other" } };
    expect(restoreAnswers(elsewhere, [local("here", { isStored: true })], streams)).toEqual({
      newer: {},
      conflicts: {},
    });
  });

  test("start with those of the server", () => {
    expect(savedValues(saved)).toEqual({ a: "server" });
  });
});
