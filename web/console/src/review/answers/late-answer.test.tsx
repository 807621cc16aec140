import { expect, it } from "vitest";
import type { GradedItem } from "../../rest/types.ts";
import { ANSWERS } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { Answer } from "./answer.tsx";
import type { GivenPoints } from "./points.ts";

const [CHOICE, TEXT] = ANSWERS.items as [GradedItem, GradedItem];
const LATE = { value: "velocity", revision: 2, saved_at: 0, late_ms: 130_000, points: 2 };

it("shows a late answer with how late it was, and gives the points of the key on request", async () => {
  const given: GivenPoints[] = [];
  const item = {
    ...CHOICE,
    answer: null,
    late: LATE,
    given: { points: 0, by: "key", comment: "Empty.", graded_at: 1 },
  };
  const page = await mount(<Answer item={item} place={1} given={null} onGive={(entry) => given.push(entry)} />);
  expect(page.text()).toContain("Late answer arrived 2 min 10 s after the end");
  expect(page.text()).toContain("By the answer key it would get 2 of 2.");
  await page.click("Give 2");
  expect(given).toEqual([{ points: "2", comment: "Empty." }]);
  page.unmount();
});

it("leaves the points of a late text to the teacher", async () => {
  const item = { ...TEXT, late: { ...LATE, value: "Because.", points: null } };
  const page = await mount(<Answer item={item} place={2} given={null} onGive={() => undefined} />);
  expect(page.text()).toContain("Because.");
  expect(page.text()).not.toContain("By the answer key");
  page.unmount();
});
