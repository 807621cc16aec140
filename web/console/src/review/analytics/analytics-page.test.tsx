import { afterEach, expect, it, vi } from "vitest";
import { ANALYTICS, EXAM } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("shows an exam in numbers, and more students on request", async () => {
  // uPlot uses the pixel ratio when it is loaded; happy-dom does not have it.
  vi.stubGlobal("matchMedia", () => ({ addEventListener: () => undefined, removeEventListener: () => undefined }));
  const { AnalyticsPage } = await import("./analytics-page.tsx");
  const get = respond({ "/exams/e": EXAM, "/teacher/exams/e/analytics": ANALYTICS });
  const page = await mount(<AnalyticsPage examId="e" />);
  for (const text of [
    "Attempts31 attempt needs attention",
    "Average score67 %of 12 points",
    "Passed50 %6 points to pass",
    "Average integrity–not enough covered",
    "Average writing progress70of 100",
    "No data yet",
    "May need support1",
    "Left the page421167 % (20 % to 94 %)",
    "no decisions yet",
    "q1 Which?21.5 of 2",
  ]) {
    expect(page.text()).toContain(text);
  }
  await page.click("Show more");
  expect(get.mock.lastCall?.[1]).toEqual({ after: "more" });
  page.unmount();
});

it("says that there are no attempts yet", async () => {
  const { AnalyticsPage } = await import("./analytics-page.tsx");
  const empty = { ...ANALYTICS, analytics: { ...ANALYTICS.analytics, total_attempts: 0 } };
  respond({ "/exams/e": EXAM, "/teacher/exams/e/analytics": empty });
  const page = await mount(<AnalyticsPage examId="e" />);
  expect(page.text()).toContain("No attempts yet");
  page.unmount();
});
