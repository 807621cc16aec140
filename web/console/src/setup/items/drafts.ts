/** Questions as they are edited, and what the hub is told of them. Pure; the hub has the last word on what fits. */

import type { AnswerKey, ItemKind, ItemView } from "../../rest/types.ts";

export interface Draft {
  readonly item: string;
  readonly kind: ItemKind;
  readonly prompt: string;
  readonly points: number;
  readonly choices: readonly string[];
  /** Which choices are right, by place. */
  readonly right: ReadonlySet<number>;
  readonly value: string;
  readonly tolerance: string;
}

export const KINDS: readonly { kind: ItemKind; name: string; help: string }[] = [
  { kind: "choice", name: "One of several", help: "One choice is right." },
  { kind: "multiple", name: "Several of several", help: "All right choices, and no others." },
  { kind: "number", name: "A number", help: "Right within the tolerance." },
  { kind: "text", name: "A text", help: "Graded by a person." },
];

export function newDraft(kind: ItemKind, taken: Iterable<string>): Draft {
  return {
    item: freeName(taken),
    kind,
    prompt: "",
    points: 1,
    choices: kind === "choice" || kind === "multiple" ? ["", ""] : [],
    right: new Set(),
    value: "",
    tolerance: "0",
  };
}

function freeName(taken: Iterable<string>): string {
  const names = new Set(taken);
  for (let number = 1; ; number += 1) if (!names.has(`q${number}`)) return `q${number}`;
}

export function toDraft(view: ItemView): Draft {
  const key = view.answer_key ?? null;
  const right = new Set<number>();
  for (const choice of Array.isArray(key) ? key : typeof key === "string" ? [key] : []) {
    const at = view.choices.indexOf(choice);
    if (at >= 0) right.add(at);
  }
  const number = key !== null && typeof key === "object" && !Array.isArray(key) ? key : null;
  return {
    item: view.item,
    kind: view.kind,
    prompt: view.prompt,
    points: view.points,
    choices: view.choices,
    right,
    value: number === null ? "" : String(number.value),
    tolerance: number === null ? "0" : String(number.tolerance),
  };
}

/** What is missing before it can be saved, by field; empty when nothing is. */
export function missing(draft: Draft): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (draft.prompt.trim() === "") found.set("prompt", "Say what is asked.");
  if (!(draft.points > 0)) found.set("points", "More than none.");
  if (draft.kind === "choice" || draft.kind === "multiple") {
    const filled = draft.choices.map((choice) => choice.trim());
    if (filled.length < 2) found.set("choices", "At least two choices.");
    else if (filled.includes("")) found.set("choices", "A choice is empty.");
    else if (new Set(filled).size < filled.length) found.set("choices", "Two choices are the same.");
    else if (draft.right.size === 0) found.set("choices", "Mark what is right.");
  }
  if (draft.kind === "number") {
    if (draft.value.trim() === "" || !Number.isFinite(Number(draft.value))) found.set("value", "A number.");
    if (!(Number(draft.tolerance) >= 0)) found.set("tolerance", "Zero or more.");
  }
  return found;
}

export function toItem(draft: Draft): Required<ItemView> {
  const choices = draft.choices.map((choice) => choice.trim());
  return {
    item: draft.item,
    kind: draft.kind,
    prompt: draft.prompt.trim(),
    points: draft.points,
    choices,
    answer_key: keyOf(draft, choices),
  };
}

function keyOf(draft: Draft, choices: readonly string[]): AnswerKey {
  const right = choices.filter((_, at) => draft.right.has(at));
  switch (draft.kind) {
    case "choice":
      return right[0] ?? null;
    case "multiple":
      return right;
    case "number":
      return { value: Number(draft.value), tolerance: Number(draft.tolerance) };
    case "text":
      return null;
  }
}

/** Another kind of the same question; what the new kind has no place for is kept until it is saved. */
export function toKind(draft: Draft, kind: ItemKind): Draft {
  const wantsChoices = kind === "choice" || kind === "multiple";
  const choices = wantsChoices ? (draft.choices.length === 0 ? ["", ""] : draft.choices) : [];
  const right = kind === "choice" ? new Set([...draft.right].slice(0, 1)) : draft.right;
  return { ...draft, kind, choices, right: wantsChoices ? right : new Set() };
}

export function removeChoice(draft: Draft, at: number): Draft {
  const right = new Set([...draft.right].filter((one) => one !== at).map((one) => (one > at ? one - 1 : one)));
  return { ...draft, choices: draft.choices.filter((_, place) => place !== at), right };
}

/** Whether two lists of questions are the same to the hub. */
export function sameItems(a: readonly Draft[], b: readonly Draft[]): boolean {
  return JSON.stringify(a.map(toItem)) === JSON.stringify(b.map(toItem));
}
