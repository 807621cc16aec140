import { expect, it } from "vitest";
import { ANSWERS } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { Answer } from "./answer.tsx";
import type { GivenPoints } from "./points.ts";

const [CHOICE, TEXT] = ANSWERS.items as [(typeof ANSWERS.items)[0], (typeof ANSWERS.items)[0]];

it("shows an answer beside its key, and who gave the points", async () => {
  const page = await mount(<Answer item={CHOICE} place={1} given={null} onGive={() => undefined} />);
  expect(page.text()).toContain("Question 1 q1");
  expect(page.text()).toContain("2 of 2, by the answer key");
  expect(page.text()).toContain("Answer keyvelocity");
  page.unmount();
});

it("marks points outside the range", async () => {
  const given: GivenPoints[] = [];
  const page = await mount(
    <Answer item={TEXT} place={2} given={{ points: "9", comment: "" }} onGive={(points) => given.push(points)} />,
  );
  expect(page.text()).toContain("to grade");
  expect(page.text()).toContain("no answer");
  expect(page.text()).toContain("0 to 5");
  await page.type("Comment to the student", "Well done.");
  expect(given.at(-1)).toEqual({ points: "9", comment: "Well done." });
  page.unmount();
});
