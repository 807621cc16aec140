// The key combinations that are recorded, by what they usually do. It must never name any other key. Pure.

const COMBINATIONS: ReadonlyMap<string, string> = new Map([
  ["mod+c", "copy"],
  ["mod+x", "cut"],
  ["mod+v", "paste"],
  ["mod+p", "print"],
  ["mod+s", "save"],
  ["mod+f", "find"],
  ["mod+u", "source"],
  ["mod+shift+i", "devtools"],
  ["mod+shift+j", "devtools"],
  ["mod+shift+c", "devtools"],
  ["f12", "devtools"],
  ["printscreen", "screenshot"],
]);

export type Press = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

/** Return the name of a recorded combination; null for any other key. */
export function nameCombination(press: Press): string | null {
  if (press.altKey) return null;
  const parts = [press.key.toLowerCase()];
  if (press.shiftKey) parts.unshift("shift");
  if (press.ctrlKey || press.metaKey) parts.unshift("mod");
  return COMBINATIONS.get(parts.join("+")) ?? null;
}
