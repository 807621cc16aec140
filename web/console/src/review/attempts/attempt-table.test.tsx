import { expect, it } from "vitest";
import { ATTEMPT } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { AttemptTable } from "./attempt-table.tsx";

it("names attempts by student or by exam, and says what is to do", async () => {
  const done = { ...ATTEMPT, attempt_id: "b", open_flags: 0, grade_final: true, flagged: false };
  const page = await mount(<AttemptTable caption="2 attempts" attempts={[ATTEMPT, done]} by="student" />);
  const [first, second] = page.host.querySelectorAll("tbody tr");
  expect(first?.textContent).toContain("Ada needs attention");
  expect(first?.textContent).toContain("1 flagto grade");
  expect(second?.lastElementChild?.textContent).toBe("–");
  page.unmount();
  const byExam = await mount(<AttemptTable caption="1 attempt" attempts={[ATTEMPT]} by="exam" />);
  expect(byExam.button("Mechanics")).toBeDefined();
  byExam.unmount();
});
