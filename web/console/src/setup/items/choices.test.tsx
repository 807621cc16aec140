import { expect, it } from "vitest";
import { mount } from "../../testing/mount.tsx";
import { Choices } from "./choices.tsx";
import { type Draft, newDraft } from "./drafts.ts";

const DRAFT: Draft = { ...newDraft("multiple", []), choices: ["a", "b", "c"], correct: new Set([0]) };

it("changes, marks, adds and removes answers", async () => {
  const changes: Draft[] = [];
  const page = await mount(
    <Choices draft={DRAFT} readOnly={false} error={undefined} onChange={(next) => changes.push(next)} />,
  );
  await page.type("Answer 2", "beta");
  expect(changes.at(-1)?.choices).toEqual(["a", "beta", "c"]);
  page.field("Answer 3 is correct").click();
  expect([...(changes.at(-1)?.correct ?? [])]).toEqual([0, 2]);
  await page.click("Add answer");
  expect(changes.at(-1)?.choices).toEqual(["a", "b", "c", ""]);
  await page.click("Remove answer 1");
  expect(changes.at(-1)).toMatchObject({ choices: ["b", "c"], correct: new Set() });
  page.unmount();
});

it("keeps at least two answers, and shows what is missing", async () => {
  const draft = { ...newDraft("choice", []), choices: ["a", "b"] };
  const page = await mount(
    <Choices draft={draft} readOnly={false} error="Mark the correct answer." onChange={() => {}} />,
  );
  expect(page.text()).toContain("Answers: mark the correct one");
  expect(page.text()).toContain("Mark the correct answer.");
  expect(() => page.button("Remove answer 1")).toThrow();
  page.unmount();
});
