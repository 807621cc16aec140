import { expect, it } from "vitest";
import { ANALYTICS } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { RulePrecision } from "./rule-precision.tsx";

it("draws the precision of a rule with its interval", async () => {
  const page = await mount(<RulePrecision rules={ANALYTICS.rules} />);
  const range = page.host.querySelector<HTMLElement>(".c-interval-range");
  expect(range?.style.left).toBe("20%");
  expect(Number.parseFloat(range?.style.width ?? "")).toBeCloseTo(74);
  page.unmount();
});

it("says that no rule has raised a flag", async () => {
  const page = await mount(<RulePrecision rules={[]} />);
  expect(page.text()).toContain("No rule has raised a flag.");
  page.unmount();
});
