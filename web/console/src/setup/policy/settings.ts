/** A rule's settings as fields of a form, from the schema the hub gives. Pure. */

import type { Policy, RuleInfo, SettingSchema } from "../../rest/types.ts";

export interface SettingField {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly kind: "switch" | "integer" | "number";
  readonly least: number | null;
  readonly most: number | null;
  readonly default: unknown;
}

const UNITS: Readonly<Record<string, string>> = { _s: "seconds", _ms: "milliseconds" };

/** The fields of a rule, its switch left out: that stands over them. */
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
  const least = schema.minimum ?? schema.exclusiveMinimum ?? null;
  const most = schema.maximum ?? schema.exclusiveMaximum ?? null;
  const unit = Object.entries(UNITS).find(([ending]) => name.endsWith(ending));
  const words = (unit === undefined ? name : name.slice(0, -unit[0].length)).replaceAll("_", " ");
  const range = least === null || most === null ? "" : `${least} to ${most}`;
  return {
    name,
    label: `${words.charAt(0).toUpperCase()}${words.slice(1)}${unit === undefined ? "" : `, ${unit[1]}`}`,
    help: [schema.description?.replace(/^[^;]{1,12}; /, "") ?? "", range].filter(Boolean).join(" · "),
    kind: schema.type === "boolean" ? "switch" : schema.type === "integer" ? "integer" : "number",
    least,
    most,
    default: fallback ?? schema.default,
  };
}

export function isOn(policy: Policy, rule: RuleInfo): boolean {
  const said = policy.rules[rule.rule]?.on;
  return typeof said === "boolean" ? said : !rule.camera || policy.preset === "camera";
}

export function settingValue(policy: Policy, rule: RuleInfo, field: SettingField): unknown {
  return policy.rules[rule.rule]?.[field.name] ?? field.default;
}

export function withSetting(policy: Policy, rule: string, name: string, value: unknown): Policy {
  return { ...policy, rules: { ...policy.rules, [rule]: { ...policy.rules[rule], [name]: value } } };
}
