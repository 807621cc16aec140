import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { EXAM, FLAG, page as pageOf } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { FlagsPage } from "./flags-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("lists flags, filters them, and shows a decision in place", async () => {
  const get = respond({ "/exams/e": EXAM, "/teacher/exams/e/flags": pageOf(FLAG) });
  vi.spyOn(api, "post").mockResolvedValue({ ...FLAG, status: "confirmed", reviewed_by: "Grace" });
  const page = await mount(<FlagsPage examId="e" />);
  expect(page.text()).toContain("Ada");
  await page.click("Confirm");
  await page.type("Confirm: why?", "Seen.");
  await page.submit();
  expect(page.text()).toContain("by Grace");
  await page.click("Critical");
  expect(get.mock.lastCall?.[1]).toMatchObject({ status: "open", severity: "critical" });
  page.unmount();
});

it("has no decisions for users who may only view", async () => {
  respond({ "/exams/e": { ...EXAM, permissions: ["can_view"] }, "/teacher/exams/e/flags": pageOf(FLAG) });
  const page = await mount(<FlagsPage examId="e" />);
  expect(() => page.button("Confirm")).toThrow();
  expect(() => page.button("Flags as CSV")).toThrow();
  page.unmount();
});

it("says when there is nothing to review", async () => {
  respond({ "/exams/e": EXAM, "/teacher/exams/e/flags": pageOf() });
  const page = await mount(<FlagsPage examId="e" />);
  expect(page.text()).toContain("Nothing to review");
  page.unmount();
});
