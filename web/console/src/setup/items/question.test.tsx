import { expect, it } from "vitest";
import { mount } from "../../testing/mount.tsx";
import { type Draft, newDraft } from "./drafts.ts";
import { Question } from "./question.tsx";

async function open(draft: Draft, changes: Draft[], errors = new Map<string, string>()): ReturnType<typeof mount> {
  return mount(
    <Question
      draft={draft}
      place={1}
      total={1}
      readOnly={false}
      errors={errors}
      onChange={(next) => changes.push(next)}
      onMove={() => undefined}
      onRemove={() => undefined}
    />,
  );
}

it("changes type, points and the key of a numeric question", async () => {
  const changes: Draft[] = [];
  const page = await open(newDraft("number", []), changes);
  await page.type("Type", "text");
  await page.type("Points", "3");
  await page.type("Correct answer", "9,81");
  expect(changes.map(({ kind, points, value }) => [kind, points, value])).toContainEqual(["text", 1, ""]);
  expect(changes.map(({ points }) => points)).toContain(3);
  expect(changes.at(-1)?.value).toBe("9.81");
  page.unmount();
});

it("marks missing fields, and cannot move beyond the ends", async () => {
  const page = await open(newDraft("text", []), [], new Map([["prompt", "Write the question."]]));
  expect(page.text()).toContain("Write the question.");
  expect(page.button("Move question 1 up").disabled).toBe(true);
  expect(page.button("Move question 1 down").disabled).toBe(true);
  page.unmount();
});
