import { afterEach, expect, it, vi } from "vitest";
import { page as pageOf } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { FlaggedPage } from "./flagged-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const STUDENT = {
  student_id: "s",
  name: "Ada",
  attempts: 3,
  high_risk: 2,
  current_risk_label: "incapable",
  flagged_for_intervention: true,
  last_attempt_at: null,
};

it("lists students who may need attention", async () => {
  respond({ "/teacher/flagged-students": pageOf(STUDENT) });
  const page = await mount(<FlaggedPage />);
  expect(page.text()).toContain("Ada talk to this studentMay need support23–");
  expect(page.button("Ada").getAttribute("href")).toBe("/console/students/s");
  page.unmount();
});

it("says that no student is flagged", async () => {
  respond({ "/teacher/flagged-students": pageOf() });
  const page = await mount(<FlaggedPage />);
  expect(page.text()).toContain("No flagged students");
  page.unmount();
});
