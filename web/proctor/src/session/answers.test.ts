import { expect, test } from "vitest";
import { PendingAnswers, answerOf } from "./answers.ts";
import type { Event } from "./frames.ts";

const answered = (item: string, value: string): Event => ({
  type: "answered",
  at: 5,
  mono: 1,
  data: { item, value, ms: 1 },
});
const removed = (key: number, seq = key) => [{ seq, key, event: null, count: 1 }];

test("an answer is pending until its event is acknowledged", () => {
  const answers = new PendingAnswers();
  answers.recorded(1, answered("a", "x"));
  answers.recorded(2, answered("a", "y"));
  answers.recorded(3, { type: "paste", at: 1, mono: 1, data: { chars: 3 } });
  expect([...answers.items]).toEqual(["a"]);
  answers.acknowledged(removed(1), []);
  expect([...answers.items]).toEqual(["a"]);
  answers.acknowledged(removed(2), []);
  expect(answers.items.size).toBe(0);
});

test("a refused answer is not saved, unless a later one of the same item is", () => {
  const answers = new PendingAnswers();
  answers.recorded(1, answered("a", "x"));
  answers.recorded(2, answered("b", "x"));
  answers.recorded(3, answered("b", "y"));
  answers.acknowledged(
    [...removed(1), ...removed(2)],
    [
      { seq: 1, code: "too_large" },
      { seq: 2, code: "too_large" },
    ],
  );
  expect([...answers.refused]).toEqual([["a", "too_large"]]);
  answers.recorded(4, answered("a", "z"));
  expect(answers.refused.size).toBe(0);
});

test("a dropped answer is not saved either", () => {
  const answers = new PendingAnswers();
  answers.recorded(1, answered("a", "x"));
  answers.dropped(removed(1));
  expect([...answers.refused]).toEqual([["a", "overflow"]]);
});

test("drafts are answers, other events are not", () => {
  expect(answerOf({ type: "draft_saved", at: 5, mono: 1, data: { item: "a", text: "t" } })).toEqual({
    item: "a",
    value: "t",
    at: 5,
  });
  expect(answerOf(answered("a", "x"))).toEqual({ item: "a", value: "x", at: 5 });
  expect(answerOf({ type: "typing", at: 5, mono: 1, data: { item: "a", chars: 1, ms: 1 } })).toBeNull();
});
