import { afterEach, expect, it, vi } from "vitest";
import { api } from "../state.ts";
import { EXAM, page as pageOf } from "../testing/data.ts";
import { mount, respond } from "../testing/mount.tsx";
import { SetupPage } from "./setup-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const RESPONSES = {
  "/exams/e": EXAM,
  "/exams/e/items": { version: 1, items: [] },
  "/exams/e/roster": pageOf(),
  "/exams/e/policy": { version: 1, policy: { preset: "browser", rulebook: 1, rules: {} }, rules: [] },
  "/exams/e/permissions": [],
};

it("has a tab for each part of the setup", async () => {
  const texts = {
    details: "Duration in minutes",
    questions: "No questions yet",
    roster: "No students yet",
    rules: "Save rules",
    people: "No one else has access yet",
    unknown: "Duration in minutes",
  };
  respond(RESPONSES);
  for (const [tab, text] of Object.entries(texts)) {
    const page = await mount(<SetupPage examId="e" tab={tab} />);
    expect(page.text(), tab).toContain(text);
    page.unmount();
  }
});

it("saves the details with the version that was edited", async () => {
  respond(RESPONSES);
  const patch = vi.spyOn(api, "patch").mockResolvedValue({ ...EXAM, title: "Optics", version: 2 });
  const page = await mount(<SetupPage examId="e" tab="details" />);
  await page.type("Title", "Optics");
  await page.submit();
  expect(patch.mock.calls[0]).toEqual(["/exams/e", expect.objectContaining({ title: "Optics", version: 1 })]);
  expect(page.host.querySelector("h1")?.textContent).toBe("Optics");
  page.unmount();
});

it("warns when no student can pass", async () => {
  respond({ ...RESPONSES, "/exams/e": { ...EXAM, passing_score: 20 } });
  const page = await mount(<SetupPage examId="e" tab="details" />);
  expect(page.text()).toContain("No student can pass: 20 points are needed, and the exam has 12.");
  page.unmount();
});
