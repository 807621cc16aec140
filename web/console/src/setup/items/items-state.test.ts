import { describe, expect, it } from "vitest";
import { moved, questionOf } from "./items-state.ts";

describe("a question in an error", () => {
  it("is named by its place and field", () => {
    expect(questionOf("items[2].answer_key")).toBe("Question 3, answer key");
    expect(questionOf("items[0]")).toBe("Question 1");
    expect(questionOf("version")).toBe("version");
  });
});

describe("a list", () => {
  it("has one element moved up or down", () => {
    expect(moved(["a", "b", "c"], 0, 1)).toEqual(["b", "a", "c"]);
    expect(moved(["a", "b", "c"], 2, -1)).toEqual(["a", "c", "b"]);
    expect(moved(["a"], 3, 1)).toBeNull();
  });
});
