import { describe, expect, it } from "vitest";
import { isOn, settingsOf, settingValue, withSetting } from "./settings.ts";
import type { Policy, RuleInfo } from "../../rest/types.ts";

const RULE: RuleInfo = {
  rule: "left_page",
  version: 1,
  severity: "warning",
  false_alarms: "",
  name: "Left the page",
  summary: "Leaves the page often, or for long.",
  camera: false,
  defaults: { on: true, times: 3, within_s: 300 },
  settings_schema: {
    $ref: "#/$defs/Settings",
    $defs: {
      Settings: {
        properties: {
          on: { type: "boolean" },
          times: { type: "integer", minimum: 2, maximum: 20, description: "leaves within the window" },
          within_s: { type: "number", minimum: 30, maximum: 3600, description: "s; the window" },
        },
      },
    },
  },
};
const POLICY: Policy = { preset: "browser", rulebook: 1, rules: { left_page: { times: 5 } } };

describe("a rule's settings", () => {
  it("are fields with their range and unit, without the switch", () => {
    expect(settingsOf(RULE)).toMatchObject([
      { name: "times", label: "Times", kind: "integer", help: "leaves within the window · 2 to 20", default: 3 },
      { name: "within_s", label: "Within (s)", kind: "number", help: "the window · 30 to 3600", default: 300 },
    ]);
  });

  it("have the values of the policy, else their defaults", () => {
    const [times, within] = settingsOf(RULE);
    expect([settingValue(POLICY, RULE, times as never), settingValue(POLICY, RULE, within as never)]).toEqual([5, 300]);
  });

  it("change in a copy of the policy", () => {
    const changed = withSetting(POLICY, "left_page", "on", false);
    expect(changed.rules.left_page).toEqual({ times: 5, on: false });
    expect(POLICY.rules.left_page).toEqual({ times: 5 });
  });

  it("turn a camera rule on only with a camera preset or by a setting", () => {
    const camera = { ...RULE, rule: "gaze_away", camera: true };
    expect([isOn(POLICY, RULE), isOn(POLICY, camera), isOn({ ...POLICY, preset: "camera" }, camera)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(isOn(withSetting(POLICY, "gaze_away", "on", true), camera)).toBe(true);
  });

  it("have a plain label where the name says too little", () => {
    const flicker = { ...RULE, settings_schema: { properties: { flicker_ms: { type: "integer" } } } };
    expect(settingsOf(flicker)[0]?.label).toBe("Ignore absences shorter than (ms)");
  });
});
