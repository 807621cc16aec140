import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { ANSWERS } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { Grading } from "./grading.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("sends the typed points, and lets a grade become final when all answers have points", async () => {
  respond({ "/teacher/attempts/a/answers": ANSWERS });
  const post = vi.spyOn(api, "post").mockResolvedValue({ ...ANSWERS, grade_final: true });
  let graded = 0;
  const page = await mount(<Grading attemptId="a" onGraded={() => (graded += 1)} />);
  expect(page.text()).toContain("2 of 7");
  expect(page.text()).toContain("29 % · not passed · 1 answer to grade");
  expect(page.button("Save and make final").disabled).toBe(true);
  await page.type("Points, up to 5", "4");
  await page.click("Save and make final");
  expect(post.mock.calls[0]).toEqual([
    "/teacher/attempts/a/grade",
    { grades: [{ item: "q2", points: 4, comment: "" }], final: true },
  ]);
  expect(graded).toBe(1);
  expect(page.text()).toContain("Final");
  page.unmount();
});
