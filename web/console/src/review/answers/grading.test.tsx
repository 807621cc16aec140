import { Problem } from "@veritas/shared/api.ts";
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
    { grades: [{ item: "q2", points: 4, comment: "", seen: null }], final: true },
  ]);
  expect(graded).toBe(1);
  expect(page.text()).toContain("Final");
  page.unmount();
});

it("names the grader who was first, and keeps what was typed while the new points are shown", async () => {
  const get = respond({ "/teacher/attempts/a/answers": ANSWERS });
  const conflict = new Problem(409, "conflict", "Conflict", "Reload.", [], null, { by: "Grace Hopper" });
  const post = vi.spyOn(api, "post").mockRejectedValueOnce(conflict).mockResolvedValue(ANSWERS);
  const page = await mount(<Grading attemptId="a" onGraded={() => undefined} />);
  await page.type("Points, up to 5", "4");
  await page.click("Save points");
  expect(page.text()).toContain("Grace Hopper has changed these points since you opened this page.");
  const given = { points: 3, by: "Grace Hopper", comment: "Short.", graded_at: 9 };
  get.mockResolvedValue({ ...ANSWERS, items: [ANSWERS.items[0], { ...ANSWERS.items[1], given }] });
  await page.click("Show the new points");
  expect(page.text()).not.toContain("since you opened");
  expect(page.text()).toContain("3 of 5, by Grace Hopper");
  expect(page.field("Points, up to 5").value).toBe("4");
  await page.click("Save points");
  expect(post.mock.calls[1]?.[1]).toEqual({
    grades: [{ item: "q2", points: 4, comment: "", seen: { points: 3, graded_at: 9 } }],
    final: false,
  });
  page.unmount();
});
