import { afterEach, expect, it, vi } from "vitest";
import { ATTEMPT } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { StudentPage } from "./student-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const PROFILE = { name: "Ada", username: "ada", enrollment_id: null, cohort: "7b" };
const METRICS = {
  total_exams: 2,
  passed_exams: 1,
  avg_score: 66.7,
  avg_integrity_score: 0.8,
  integrity_trend: "down",
  avg_lmi: null,
  lmi_trend: null,
  strengths: ["Optics"],
  weaknesses: [],
};

it("shows a student's averages and attempts", async () => {
  const risk = { label: "copy", flagged: true };
  respond({ "/teacher/students/s": { profile: PROFILE, attempts: [ATTEMPT], metrics: METRICS, risk } });
  const page = await mount(<StudentPage studentId="s" />);
  for (const text of [
    "ada · 7b",
    "May have copied",
    "Exams2, 1 passed",
    "Average score67 %",
    "Integrity, falling",
    "too few drafts",
    "StrengthsOptics",
    "1 attempt",
  ]) {
    expect(page.text()).toContain(text);
  }
  page.unmount();
});

it("shows no averages before an attempt is reviewed", async () => {
  respond({
    "/teacher/students/s": { profile: PROFILE, attempts: [], metrics: null, risk: { label: null, flagged: false } },
  });
  const page = await mount(<StudentPage studentId="s" />);
  expect(page.text()).toContain("You see numbers here when the first attempt is graded and reviewed.");
  expect(page.text()).toContain("There are no attempts that you have access to");
  page.unmount();
});
