import { afterEach, expect, it, vi } from "vitest";
import { FLAG } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { Evidence, LoadedEvidence } from "./evidence.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("shows numbers, cited events, false alarms, decisions and versions", async () => {
  const reviews = [{ at: 0, by: "Grace", from: "open", to: "dismissed", reason: "Permitted." }] as never;
  const page = await mount(<Evidence flag={{ ...FLAG, reviews }} />);
  for (const text of [
    "Confidence90 %",
    "Times3",
    "Within (s)300",
    "Exam tab hidden",
    "and 1 more",
    "How this can be wrongA second monitor.",
    "Grace: Open → Dismissed. “Permitted.”",
    "Rule: Left the page, version 2, policy 1.",
  ]) {
    expect(page.text()).toContain(text);
  }
  page.unmount();
});

it("is fetched when it is opened", async () => {
  const get = respond({ "/teacher/flags/f": FLAG });
  const page = await mount(<LoadedEvidence flagId="f" status="open" />);
  expect(get).toHaveBeenCalledTimes(1);
  expect(page.text()).toContain("Confidence90 %");
  page.unmount();
});
