import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { ANALYTICS, ATTEMPT } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { StudentResults } from "./student-results.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("lists students, and more of them on request", async () => {
  const ben = { ...ATTEMPT, attempt_id: "b", name: "Ben", score: null, percentage: null, lmi: null, open_flags: 0 };
  vi.spyOn(api, "get").mockResolvedValue({ ...ANALYTICS, students: [ben], next: null } as never);
  const page = await mount(<StudentResults examId="e" firstPage={ANALYTICS} />);
  expect(page.text()).toContain("Ada needs attentionSubmitted8 · 67 %");
  await page.click("Show more");
  const [, second] = page.host.querySelectorAll("tbody tr");
  expect(second?.textContent).toContain("Ben");
  expect(() => page.button("Show more")).toThrow();
  page.unmount();
});
