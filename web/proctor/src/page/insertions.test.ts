import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { countInserted, Insertions, TYPED_CHARS } from "./insertions.ts";

test.each([
  ["", "abc", 3],
  ["abc", "abc", 0],
  ["abc", "ac", 0],
  ["abc", "abXYc", 2],
  ["abc", "aXc", 1],
  ["aaa", "aaaa", 1],
  ["abc", "abcbc", 2],
])("from %j to %j, %j characters were inserted", (before, after, chars) => {
  expect(countInserted(before, after)).toBe(chars);
});

describe("an input event", () => {
  let field: HTMLTextAreaElement;
  let insertions: Insertions;

  beforeEach(() => {
    field = document.createElement("textarea");
    document.body.append(field);
    insertions = new Insertions();
  });

  afterEach(() => field.remove());

  const change = (before: string, after: string, inputType: string, isComposing = false) => {
    field.value = before;
    insertions.remember(field);
    field.value = after;
    return insertions.inserted(field, inputType, isComposing);
  };

  test.each([
    ["insertFromDrop", "drop"],
    ["insertReplacementText", "replace"],
    ["insertFromYank", "yank"],
    ["insertTranspose", "transpose"],
    ["insertLink", "insert"],
    ["", "script"],
  ])("%j is brought in by %s", (inputType, how) => {
    expect(change("one ", "one two", inputType)).toEqual({ by: "other", how, chars: 3 });
  });

  test.each(["insertText", "insertLineBreak", "insertParagraph"])("%s is typed by hand", (inputType) => {
    expect(change("a", "a\n", inputType)).toEqual({ by: "hand", chars: 1 });
  });

  test("of typing that inserts more than keys can is brought in by a program", () => {
    const most = "x".repeat(TYPED_CHARS);
    expect(change("", most, "insertText")).toEqual({ by: "hand", chars: TYPED_CHARS });
    expect(change("", `${most}x`, "insertText")).toEqual({ by: "other", how: "insert", chars: TYPED_CHARS + 1 });
  });

  test.each(["insertFromPaste", "insertFromPasteAsQuotation", "insertCompositionText", "historyUndo", "deleteByDrag"])(
    "%s is stated elsewhere, or inserts nothing new",
    (inputType) => {
      expect(change("", "text", inputType)).toBeNull();
    },
  );

  test("during a composition is stated at its end", () => {
    expect(change("", "ni", "insertText", true)).toBeNull();
    expect(insertions.inserted(field, "insertText", false)).toBeNull();
  });

  test("of a script is compared with the text after the last event", () => {
    change("", "typed", "insertText");
    field.value = "typed and more";
    expect(insertions.inserted(field, "", false)).toEqual({ by: "other", how: "script", chars: 9 });
  });

  test("of anything but a text field is nothing", () => {
    const box = Object.assign(document.createElement("input"), { type: "checkbox" });
    insertions.remember(box);
    expect(insertions.inserted(box, "", false)).toBeNull();
    expect(insertions.inserted(null, "insertText", false)).toBeNull();
  });
});
