/** Names of values that the hub sends, for the user. A value without a name is shown readably. Pure. */

import { own } from "@veritas/shared/lookup/own.ts";
import { INTEGRITY_ABOVE, RULE_TITLES } from "@veritas/shared/wire/constants.ts";
import { DECISIONS, FLAG_NUMBERS, INTEGRITY, LABELS, NO_LABEL, NOT_STARTED, STATUSES, UNITS } from "../texts/words.ts";
import { percent } from "./numbers.ts";

const titles: Readonly<Record<string, string>> = RULE_TITLES;

/** `left_page` → `Left page`: for values without a name. */
export function readable(name: string): string {
  return capitalized(name.replaceAll("_", " "));
}

/** A name as a heading: the hub writes names of rules in lower case. */
export function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** The name of an attempt's status; null is an attempt that has not started. */
export function statusText(status: string | null): string {
  return status === null ? NOT_STARTED : (own(STATUSES, status) ?? readable(status));
}

export function decisionText(status: string): string {
  return own(DECISIONS, status) ?? readable(status);
}

export type IntegrityLevel = keyof typeof INTEGRITY.levels;

/** The level of an integrity score (docs/scores.md). */
export function integrityLevel(score: number | null): IntegrityLevel {
  if (score === null) return "unknown";
  if (score > INTEGRITY_ABOVE.good) return "good";
  return score > INTEGRITY_ABOVE.warning ? "warning" : "critical";
}

export function integrityText(score: number | null): string {
  return INTEGRITY.levels[integrityLevel(score)];
}

export function labelText(label: string | null): string {
  return label === null ? NO_LABEL.name : (own(LABELS, label)?.name ?? readable(label));
}

/** What a label means, for a tooltip. */
export function labelMeaning(label: string | null): string {
  return label === null ? NO_LABEL.means : (own(LABELS, label)?.means ?? "");
}

/** The name of a rule: the hub's `name` if it sends one, else by its id. */
export function ruleText(rule: string, name?: string): string {
  return capitalized(name || (own(titles, rule) ?? readable(rule)));
}

/** The name of a number of a flag, its unit last: `limit_s` → `Limit (s)`. */
export function numberName(name: string): string {
  const known = own(FLAG_NUMBERS, name);
  if (known !== undefined) return known;
  const unit = UNITS.find(([ending]) => name.endsWith(ending));
  return unit === undefined ? readable(name) : `${readable(name.slice(0, -unit[0].length))} (${unit[1]})`;
}

export function numberValue(name: string, value: number): string {
  if (/(^|_)share$/.test(name)) return percent(value);
  return value.toLocaleString("en", { maximumFractionDigits: 1 });
}

/** The student of a flag, which the hub sends by name alone or with an id. */
export function studentName(student: string | { name: string }): string {
  return typeof student === "string" ? student : student.name;
}
