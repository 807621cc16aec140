import { afterEach, expect, it, vi } from "vitest";
import { EXAM, page as pageOf } from "../testing/data.ts";
import { mount, respond } from "../testing/mount.tsx";
import { ExamsPage } from "./exams-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("lists exams with their states", async () => {
  const exams = [
    EXAM,
    { ...EXAM, exam_id: "2", running_attempts: 3 },
    { ...EXAM, exam_id: "3", is_published: false },
    { ...EXAM, exam_id: "4", opens_at: Date.now() + 3_600_000 },
    { ...EXAM, exam_id: "5", closes_at: 1 },
    { ...EXAM, exam_id: "6", kind: "practice" },
  ];
  respond({ "/exams": pageOf(...exams) });
  const page = await mount(<ExamsPage />);
  const states = [...page.host.querySelectorAll("li .v-badge")].map((badge) => badge.textContent ?? "");
  expect(states[0]).toBe("Open");
  expect(states[1]).toBe("3 in progress");
  expect(states[2]).toBe("Draft");
  expect(states[3]).toMatch(/^Opens /);
  expect(states[4]).toBe("Closed");
  expect(states.slice(5)).toEqual(["Practice", "Open"]);
  expect(page.text()).toContain("Physics · 1 hour · 2 students");
  page.unmount();
});

it("leads to the first exam", async () => {
  respond({ "/exams": pageOf() });
  const page = await mount(<ExamsPage />);
  expect(page.button("Create your first exam")).toBeDefined();
  page.unmount();
});
