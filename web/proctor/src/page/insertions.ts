// Tells what an `input` event has inserted into a text field, and how: typed by hand, or brought in by a drop, a replacement
// or a program. It compares the text before and after, because browsers describe their input events differently. Pure. It
// must never report a text, only its length.

/** How text was brought in. A paste from the clipboard has an event of the browser's own, so it is none of these. */
export type How = "drop" | "replace" | "yank" | "transpose" | "insert" | "script";

export type Insertion = { by: "hand"; chars: number } | { by: "other"; how: How; chars: number };

/** A step of typing that inserts more comes from dictation, an extension or a suggestion, not from keys. */
export const TYPED_CHARS = 20;

const HOW: Readonly<Record<string, How>> = {
  insertFromDrop: "drop",
  insertReplacementText: "replace",
  insertFromYank: "yank",
  insertTranspose: "transpose",
  // A script has set the text, and reports it with an event that has no type.
  "": "script",
};
/** The browser states a paste by itself, and the result of a composition is counted at its end. */
const STATED_ELSEWHERE = /^insertFromPaste|Composition/;
const BY_HAND = new Set(["insertText", "insertLineBreak", "insertParagraph"]);

/** Remembers the text of each field, to compare it with the text after the next `input` event. */
export class Insertions {
  private readonly texts = new WeakMap<EventTarget, string>();

  /** Remember the text of a field: it got the focus, or is about to change. */
  remember(target: EventTarget | null): void {
    const text = textOf(target);
    if (target !== null && text !== null) this.texts.set(target, text);
  }

  /** Return what an `input` event has inserted; null if it inserted nothing, or another event states it. */
  inserted(target: EventTarget | null, inputType: string, isComposing: boolean): Insertion | null {
    const text = textOf(target);
    if (target === null || text === null) return null;
    const chars = countInserted(this.texts.get(target) ?? "", text);
    this.texts.set(target, text);
    if (chars === 0 || isComposing || STATED_ELSEWHERE.test(inputType)) return null;
    if (BY_HAND.has(inputType)) return chars <= TYPED_CHARS ? { by: "hand", chars } : other("insert", chars);
    if (inputType !== "" && !inputType.startsWith("insert")) return null;
    return other(HOW[inputType] ?? "insert", chars);
  }
}

const other = (how: How, chars: number): Insertion => ({ by: "other", how, chars });

/** Return the text of a field; null for anything else, such as a checkbox. */
function textOf(target: EventTarget | null): string | null {
  if (target instanceof HTMLTextAreaElement) return target.value;
  if (target instanceof HTMLInputElement) return target.selectionStart === null ? null : target.value;
  return target instanceof HTMLElement && target.isContentEditable ? (target.textContent ?? "") : null;
}

/** Count the characters that `after` has between what it has in common with `before` at its beginning and at its end. */
export function countInserted(before: string, after: string): number {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  return after.length - start - end;
}
