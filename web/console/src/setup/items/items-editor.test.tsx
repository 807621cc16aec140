import { Problem } from "@veritas/shared/api.ts";
import { afterEach, expect, it, vi } from "vitest";
import type { Items } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { mount } from "../../testing/mount.tsx";
import { ItemsEditor } from "./items-editor.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const START: Items = {
  version: 3,
  items: [
    { item: "q1", kind: "choice", prompt: "Which?", choices: ["a", "b"], points: 1, answer_key: "a" },
    { item: "q2", kind: "text", prompt: "Why?", choices: [], points: 4, answer_key: null },
  ],
};

async function open(readOnly = false, onSaved = (): void => undefined): ReturnType<typeof mount> {
  return mount(<ItemsEditor examId="e" start={START} readOnly={readOnly} onSaved={onSaved} />);
}

it("saves changed questions", async () => {
  const put = vi.spyOn(api, "put").mockResolvedValue(undefined);
  let saves = 0;
  const page = await open(false, () => (saves += 1));
  expect(page.text()).toContain("2 questions, 5 points. Version 3.");
  expect(page.button("Save questions").disabled).toBe(true);
  await page.type("Text of question 1", "Which one?");
  await page.click("Move question 2 up");
  expect(page.text()).toContain("with unsaved changes");
  await page.click("Save questions");
  expect(put.mock.calls[0]?.[1]).toMatchObject({
    items: [
      { item: "q2", prompt: "Why?" },
      { item: "q1", prompt: "Which one?" },
    ],
  });
  expect(saves).toBe(1);
  page.unmount();
});

it("does not save an incomplete question", async () => {
  const put = vi.spyOn(api, "put");
  const page = await open();
  await page.click("Numeric");
  await page.click("Save questions");
  expect(page.text()).toContain("Question 3 is not complete.");
  expect(page.text()).toContain("Enter a number.");
  expect(put).not.toHaveBeenCalled();
  await page.click("Remove question 3");
  expect(page.text()).toContain("2 questions");
  page.unmount();
});

it("names the question that the hub refused", async () => {
  const faults = [{ path: "$.items[1].points", message: "expected float > 0" }];
  vi.spyOn(api, "put").mockRejectedValue(new Problem(400, "invalid", "", "", faults));
  const page = await open();
  await page.type("Text of question 1", "Which one?");
  await page.click("Save questions");
  expect(page.text()).toContain("Question 2, points: expected float > 0");
  page.unmount();
});

it("has no buttons if it is read-only", async () => {
  const page = await open(true);
  expect(() => page.button("Save questions")).toThrow();
  expect(() => page.button("Add answer")).toThrow();
  page.unmount();
});
