import { go } from "@veritas/shared/route.ts";
import { afterEach, expect, it, vi } from "vitest";
import { ANSWERS, ATTEMPT, MONITORING } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { AttemptPage } from "./attempt-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

it("shows the attempt on four tabs", async () => {
  respond({ "/teacher/attempts/a/monitoring": MONITORING, "/teacher/attempts/a/answers": ANSWERS });
  go("/console/attempts/a", { replace: true });
  const page = await mount(<AttemptPage attemptId="a" />);
  expect(page.host.querySelector("h1")?.textContent).toBe("Ada");
  expect(page.text()).toContain("Ada left the page three times.");
  await page.click("Flags (1)");
  expect(page.text()).toContain("Left the page 3 times.");
  await page.click("Timeline");
  expect(page.text()).toContain("No events of this kind");
  await page.click("Answers");
  expect(page.text()).toContain("Save and make final");
  page.unmount();
});

it("is fetched again until the analysis is done, and links a running attempt to the room", async () => {
  vi.useFakeTimers();
  const analysis = { ...MONITORING.behavior_analysis, state: "pending" };
  const attempt = { ...ATTEMPT, completed_at: null };
  const get = respond({ "/teacher/attempts/a/monitoring": { ...MONITORING, attempt, behavior_analysis: analysis } });
  go("/console/attempts/a", { replace: true });
  const page = await mount(<AttemptPage attemptId="a" />);
  expect(page.text()).toContain("The analysis is running.");
  expect(page.button("Watch it live in the room.").getAttribute("href")).toBe("/console/exams/e?student=s");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(get.mock.calls.length).toBeGreaterThan(1);
  page.unmount();
});
