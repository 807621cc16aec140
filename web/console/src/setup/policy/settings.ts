/** The settings of a rule as fields of a form, made from the schema that the hub sends. Pure. */

import { own } from "@veritas/shared/lookup/own.ts";
import type { Policy, RuleInfo, SettingSchema } from "../../rest/types.ts";
import { POLICY } from "../../texts/setup.ts";

export interface SettingField {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly kind: "switch" | "integer" | "number";
  readonly default: unknown;
}

const UNITS: Readonly<Record<string, string>> = { _s: POLICY.seconds, _ms: POLICY.milliseconds };

/** The path of a setting in a policy, as the hub's errors name it. */
export function settingPath(rule: string, name: string): string {
  return `rules.${rule}.${name}`;
}

/** The fields of a rule without its switch `on`. */
export function settingsOf(rule: RuleInfo): SettingField[] {
  return Object.entries(propertiesOf(rule))
    .filter(([name]) => name !== "on")
    .map(([name, schema]) => fieldOf(name, schema, rule.defaults[name]));
}

function propertiesOf({ settings_schema: schema }: RuleInfo): Record<string, SettingSchema> {
  if (schema.properties !== undefined) return schema.properties;
  const name = schema.$ref?.split("/").at(-1);
  return (name === undefined ? undefined : schema.$defs?.[name]?.properties) ?? {};
}

function fieldOf(name: string, schema: SettingSchema, fallback: unknown): SettingField {
  const min = schema.minimum ?? schema.exclusiveMinimum ?? null;
  const max = schema.maximum ?? schema.exclusiveMaximum ?? null;
  // A description may begin with the unit, which is in the label already.
  const description = schema.description?.replace(/^[^;]{1,12}; /, "") ?? "";
  const range = min === null || max === null ? "" : POLICY.range(min, max);
  return {
    name,
    label: own(POLICY.settings, name) ?? labelOf(name),
    help: [description, range].filter(Boolean).join(" · "),
    kind: schema.type === "boolean" ? "switch" : schema.type === "integer" ? "integer" : "number",
    default: fallback ?? schema.default,
  };
}

/** `within_s` → `Within (s)`. */
function labelOf(name: string): string {
  const unit = Object.entries(UNITS).find(([ending]) => name.endsWith(ending));
  const words = (unit === undefined ? name : name.slice(0, -unit[0].length)).replaceAll("_", " ");
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${unit === undefined ? "" : ` (${unit[1]})`}`;
}

/** Whether a rule is on. Without a setting, a camera rule is on only if the preset has a camera. */
export function isOn(policy: Policy, rule: RuleInfo): boolean {
  const on = policy.rules[rule.rule]?.on;
  return typeof on === "boolean" ? on : !rule.camera || policy.preset === "camera";
}

export function settingValue(policy: Policy, rule: RuleInfo, field: SettingField): unknown {
  return policy.rules[rule.rule]?.[field.name] ?? field.default;
}

/** A copy of a policy with one setting changed. */
export function withSetting(policy: Policy, rule: string, name: string, value: unknown): Policy {
  return { ...policy, rules: { ...policy.rules, [rule]: { ...policy.rules[rule], [name]: value } } };
}
