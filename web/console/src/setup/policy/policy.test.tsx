import { Problem } from "@veritas/shared/api.ts";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { mount, respond, settle } from "../../testing/mount.tsx";
import { Policy } from "./policy.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const RULE = {
  rule: "left_page",
  name: "left the page",
  summary: "Left the page often.",
  camera: false,
  defaults: { times: 3, quiet: false },
  settings_schema: {
    properties: {
      on: { type: "boolean" },
      times: { type: "integer", minimum: 2, maximum: 20 },
      quiet: { type: "boolean" },
    },
  },
};
const CAMERA = { ...RULE, rule: "gaze_away", name: "gaze away", camera: true };
const VIEW = { version: 4, policy: { preset: "browser", rulebook: 1, rules: {} }, rules: [RULE, CAMERA] };

it("saves changed settings as a new version", async () => {
  respond({ "/exams/e/policy": VIEW });
  const put = vi.spyOn(api, "put").mockResolvedValue(undefined);
  const page = await mount(<Policy examId="e" readOnly={false} />);
  expect(page.text()).toContain("Version 4.");
  expect(page.button("Save rules").disabled).toBe(true);
  await page.type("Times", "5");
  await page.submit();
  const policy = { preset: "browser", rulebook: 1, rules: { left_page: { times: 5 } } };
  expect(put.mock.calls[0]).toEqual(["/exams/e/policy", { policy }]);
  page.unmount();
});

it("turns rules on and off; a camera rule is off without a camera", async () => {
  respond({ "/exams/e/policy": VIEW });
  const page = await mount(<Policy examId="e" readOnly={false} />);
  const cards = page.host.querySelectorAll("section");
  expect([cards[0]?.dataset.off, cards[1]?.dataset.off]).toEqual([undefined, ""]);
  cards[1]?.querySelector<HTMLInputElement>("input")?.click();
  await settle();
  expect(cards[1]?.dataset.off).toBeUndefined();
  page.unmount();
});

it("marks a refused value at its field", async () => {
  respond({ "/exams/e/policy": VIEW });
  const faults = [{ path: "$.policy.rules.left_page.times", message: "Expected `int` >= 2" }];
  vi.spyOn(api, "put").mockRejectedValue(new Problem(400, "invalid", "", "", faults));
  const page = await mount(<Policy examId="e" readOnly={false} />);
  await page.type("Times", "1");
  await page.submit();
  expect(page.text()).toContain("at least 2");
  expect(document.activeElement).toBe(page.field("Times"));
  page.unmount();
});
