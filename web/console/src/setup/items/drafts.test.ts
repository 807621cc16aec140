import { describe, expect, it } from "vitest";
import { markChoice, missing, newDraft, removeChoice, sameItems, toDraft, toItem, toKind } from "./drafts.ts";
import type { ItemView } from "../../rest/types.ts";

const VIEWS: Required<ItemView>[] = [
  { item: "q1", kind: "choice", prompt: "Which?", choices: ["a", "b"], points: 1, answer_key: "b" },
  { item: "q2", kind: "multiple", prompt: "Which ones?", choices: ["a", "b", "c"], points: 2, answer_key: ["a", "c"] },
  {
    item: "q3",
    kind: "number",
    prompt: "How much?",
    choices: [],
    points: 3,
    answer_key: { value: 9.81, tolerance: 0.05 },
  },
  { item: "q4", kind: "text", prompt: "Why?", choices: [], points: 5, answer_key: null },
];

describe("a question being edited", () => {
  it("is read back as it was saved, in every type", () => {
    for (const view of VIEWS) expect(toItem(toDraft(view))).toEqual(view);
    expect(sameItems(VIEWS.map(toDraft), VIEWS.map(toDraft))).toBe(true);
  });

  it("gets an id that is free", () => {
    expect(newDraft("text", ["q1", "q3"]).item).toBe("q2");
  });

  it("reports what is missing", () => {
    const found = (kind: "choice" | "number" | "text"): string[] => [...missing(newDraft(kind, [])).keys()];
    expect([found("choice"), found("number"), found("text")]).toEqual([
      ["prompt", "choices"],
      ["prompt", "value"],
      ["prompt"],
    ]);
    for (const view of VIEWS) expect([...missing(toDraft(view))]).toEqual([]);
    expect(missing({ ...toDraft(VIEWS[0] as ItemView), choices: ["a", "a"] }).get("choices")).toContain("same");
    expect(missing({ ...toDraft(VIEWS[0] as ItemView), correct: new Set() }).get("choices")).toContain("correct");
  });

  it("keeps the marks of the other choices when one is removed", () => {
    const draft = removeChoice(toDraft(VIEWS[1] as ItemView), 1);
    expect(toItem(draft)).toMatchObject({ choices: ["a", "c"], answer_key: ["a", "c"] });
    expect(toItem(removeChoice(draft, 0))).toMatchObject({ choices: ["c"], answer_key: ["c"] });
  });

  it("has at most one correct choice as a single choice", () => {
    expect(toItem(toKind(toDraft(VIEWS[1] as ItemView), "choice")).answer_key).toBe("a");
    expect(toItem(toKind(toDraft(VIEWS[0] as ItemView), "text")).answer_key).toBeNull();
  });

  it("moves the mark of a single choice, and adds marks to a multiple choice", () => {
    const [single, multiple] = VIEWS.map(toDraft);
    expect(toItem(markChoice(single as never, 0, true)).answer_key).toBe("a");
    expect(toItem(markChoice(multiple as never, 1, true)).answer_key).toEqual(["a", "b", "c"]);
    expect(toItem(markChoice(multiple as never, 0, false)).answer_key).toEqual(["c"]);
  });
});
