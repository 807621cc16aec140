// The key combinations that are recorded, by what they usually do (protocol/text/captures.py). It must never name any other
// key. Pure.
import { KEY_COMBINATIONS } from "@veritas/shared/wire/constants.ts";

const COMBINATIONS: ReadonlyMap<string, string> = new Map(Object.entries(KEY_COMBINATIONS));

export type Press = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

/** Return the name of a recorded combination; null for any other key. */
export function nameCombination(press: Press): string | null {
  if (press.altKey) return null;
  const parts = [press.key.toLowerCase()];
  if (press.shiftKey) parts.unshift("shift");
  if (press.ctrlKey || press.metaKey) parts.unshift("mod");
  return COMBINATIONS.get(parts.join("+")) ?? null;
}
