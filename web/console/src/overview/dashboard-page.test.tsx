import { afterEach, describe, expect, it, vi } from "vitest";
import type { DashboardExam } from "../rest/types.ts";
import { FLAG } from "../testing/data.ts";
import { mount, respond } from "../testing/mount.tsx";
import { DashboardPage, groupExams } from "./dashboard-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const exam = (title: string, some: Partial<DashboardExam> = {}): DashboardExam =>
  ({
    exam_id: title,
    title,
    subject: "",
    roster_size: 2,
    attempts: 1,
    running: 0,
    awaiting_review: 0,
    awaiting_grade: 0,
    is_published: true,
    ...some,
  }) as DashboardExam;

const RUNNING = exam("Running", { running: 2, awaiting_review: 3 });
const TO_DO = exam("To grade", { awaiting_grade: 4 });
const OTHER = exam("Other", { is_published: false });
const SUMMARY = { running_attempts: 2, open_flags: 3, awaiting_grade: 4, exams: 3 };

describe("the overview", () => {
  it("groups exams by what is to do", () => {
    expect(groupExams([OTHER, TO_DO, RUNNING])).toEqual({ running: [RUNNING], toDo: [TO_DO], others: [OTHER] });
  });

  it("shows numbers, exams and the latest flags", async () => {
    respond({ "/teacher/dashboard": { summary: SUMMARY, exams: [RUNNING, TO_DO, OTHER], recent_flags: [FLAG] } });
    const page = await mount(<DashboardPage />);
    for (const text of [
      "Students in progress21 exam running",
      "2 in progress3 flags to review",
      "AdaLeft the page 3 times.",
      "4 to grade",
      "Draft",
    ]) {
      expect(page.text()).toContain(text);
    }
    page.unmount();
  });

  it("leads to the first exam", async () => {
    respond({ "/teacher/dashboard": { summary: { ...SUMMARY, exams: 0 }, exams: [], recent_flags: [] } });
    const page = await mount(<DashboardPage />);
    expect(page.text()).toContain("No exams yet");
    page.unmount();
  });
});
