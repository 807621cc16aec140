/** Which field a refusal is about: the hub names it by path, as in `$.policy.rules.left_page.times`. Pure. */

import { Problem, errorText, type Fault } from "@veritas/shared/api.ts";

export interface Refusal {
  /** What is said over the form: whatever is about no field of it. */
  readonly general: string | null;
  readonly fields: ReadonlyMap<string, string>;
}

export const NOTHING: Refusal = { general: null, fields: new Map() };

/** Sort a refusal by the fields of a form; a path ends at the field it is about, whatever it begins with. */
export function refusal(error: unknown, fields: readonly string[]): Refusal {
  if (!(error instanceof Problem) || error.faults.length === 0) return { general: errorText(error), fields: new Map() };
  const found = new Map<string, string>();
  const rest: Fault[] = [];
  for (const fault of error.faults) {
    const path = plain(fault.path);
    const field = fields.find(
      (one) => path === one || path.startsWith(`${one}.`) || path.startsWith(`${one}[`) || path.endsWith(`.${one}`),
    );
    if (field === undefined) rest.push(fault);
    else if (!found.has(field)) found.set(field, wanted(fault.message));
  }
  const general = rest.length === 0 ? null : rest.map((one) => `${plain(one.path)}: ${wanted(one.message)}`).join("; ");
  return { general, fields: found };
}

const COMPARED: Readonly<Record<string, string>> = {
  ">=": "at least",
  "<=": "at most",
  ">": "more than",
  "<": "less than",
};

/** `expected int >= 2` → `at least 2`; anything else as the hub says it. */
export function wanted(message: string): string {
  const long = /^expected `?str`? of length (>=|<=|>|<) (\d+)$/i.exec(message.trim());
  if (long !== null) return `${COMPARED[long[1] ?? ""]} ${long[2]} characters`;
  const found = /^expected `?(?:int|float|number)`? (>=|<=|>|<) `?([\d.-]+)`?$/i.exec(message.trim());
  return found === null ? message : `${COMPARED[found[1] ?? ""]} ${found[2]}`;
}

/** `$.policy.rules.x` → `policy.rules.x`. */
export function plain(path: string): string {
  return path.replace(/^\$\.?/, "").replaceAll("`", "");
}
