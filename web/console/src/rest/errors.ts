/**
 * Sorts the errors of a refused request by the fields of a form. The hub names a field by its path, as in
 * `$.policy.rules.left_page.times`. Pure.
 */

import { type Fault, Problem, errorText } from "@veritas/shared/api.ts";
import { ERRORS } from "../texts/shell.ts";

export interface FormErrors {
  /** Shown above the form: errors of no field. */
  readonly general: string | null;
  readonly fields: ReadonlyMap<string, string>;
}

export const NO_ERRORS: FormErrors = { general: null, fields: new Map() };

/** Sort the errors of a request by the fields of a form. */
export function formErrors(error: unknown, fields: readonly string[]): FormErrors {
  if (!(error instanceof Problem) || error.faults.length === 0) return { general: errorText(error), fields: new Map() };
  const byField = new Map<string, string>();
  const others: Fault[] = [];
  for (const fault of error.faults) {
    const field = fieldOf(plainPath(fault.path), fields);
    if (field === undefined) others.push(fault);
    else if (!byField.has(field)) byField.set(field, limitText(fault.message));
  }
  const texts = others.map((fault) => `${plainPath(fault.path)}: ${limitText(fault.message)}`);
  return { general: texts.length === 0 ? null : texts.join("; "), fields: byField };
}

/** The form's field that a path is about: the path begins or ends with it. */
function fieldOf(path: string, fields: readonly string[]): string | undefined {
  const isAbout = (field: string): boolean =>
    path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`) || path.endsWith(`.${field}`);
  return fields.find(isAbout);
}

const LIMIT = /^expected `?(?:int|float|number)`? (>=|<=|>|<) `?([\d.-]+)`?$/i;
const LENGTH = /^expected `?str`? of length (>=|<=|>|<) (\d+)$/i;

/** `expected int >= 2` → `at least 2`; any other message unchanged. */
export function limitText(message: string): string {
  const length = LENGTH.exec(message.trim());
  if (length !== null) return ERRORS.characters(ERRORS.limits[length[1] ?? ""] ?? "", length[2] ?? "");
  const number = LIMIT.exec(message.trim());
  return number === null ? message : `${ERRORS.limits[number[1] ?? ""]} ${number[2]}`;
}

/** `$.policy.rules.x` → `policy.rules.x`. */
export function plainPath(path: string): string {
  return path.replace(/^\$\.?/, "").replaceAll("`", "");
}
