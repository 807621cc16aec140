/** Questions as a teacher edits them, and as they are sent to the hub. Pure. The hub has the final check. */

import type { AnswerKey, ItemKind, ItemView } from "../../rest/types.ts";
import { MISSING } from "../../texts/items.ts";

export interface Draft {
  readonly item: string;
  readonly kind: ItemKind;
  readonly prompt: string;
  readonly points: number;
  readonly choices: readonly string[];
  /** Positions of the correct choices. */
  readonly correct: ReadonlySet<number>;
  readonly value: string;
  readonly tolerance: string;
}

function hasChoices(kind: ItemKind): boolean {
  return kind === "choice" || kind === "multiple";
}

const EMPTY_CHOICES: readonly string[] = ["", ""];

/** A new question with an id that is not in `taken`. */
export function newDraft(kind: ItemKind, taken: Iterable<string>): Draft {
  return {
    item: freeId(taken),
    kind,
    prompt: "",
    points: 1,
    choices: hasChoices(kind) ? EMPTY_CHOICES : [],
    correct: new Set(),
    value: "",
    tolerance: "0",
  };
}

function freeId(taken: Iterable<string>): string {
  const ids = new Set(taken);
  for (let number = 1; ; number += 1) if (!ids.has(`q${number}`)) return `q${number}`;
}

export function toDraft(view: ItemView): Draft {
  const key = view.answer_key ?? null;
  const keyChoices = Array.isArray(key) ? key : typeof key === "string" ? [key] : [];
  const correct = new Set(keyChoices.map((choice) => view.choices.indexOf(choice)).filter((at) => at >= 0));
  const number = key !== null && typeof key === "object" && !Array.isArray(key) ? key : null;
  return {
    item: view.item,
    kind: view.kind,
    prompt: view.prompt,
    points: view.points,
    choices: view.choices,
    correct,
    value: number === null ? "" : String(number.value),
    tolerance: number === null ? "0" : String(number.tolerance),
  };
}

/** What is missing before the question can be saved, by field. */
export function missing(draft: Draft): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (draft.prompt.trim() === "") found.set("prompt", MISSING.prompt);
  if (!(draft.points > 0)) found.set("points", MISSING.points);
  const choices = hasChoices(draft.kind) ? missingInChoices(draft) : null;
  if (choices !== null) found.set("choices", choices);
  if (draft.kind === "number") {
    if (draft.value.trim() === "" || !Number.isFinite(Number(draft.value))) found.set("value", MISSING.value);
    if (!(Number(draft.tolerance) >= 0)) found.set("tolerance", MISSING.tolerance);
  }
  return found;
}

function missingInChoices(draft: Draft): string | null {
  const filled = draft.choices.map((choice) => choice.trim());
  if (filled.length < 2) return MISSING.twoChoices;
  if (filled.includes("")) return MISSING.emptyChoice;
  if (new Set(filled).size < filled.length) return MISSING.sameChoices;
  return draft.correct.size === 0 ? MISSING.noCorrect : null;
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
  const correct = choices.filter((_, at) => draft.correct.has(at));
  switch (draft.kind) {
    case "choice":
      return correct[0] ?? null;
    case "multiple":
      return correct;
    case "number":
      return { value: Number(draft.value), tolerance: Number(draft.tolerance) };
    case "text":
      return null;
  }
}

/** The same question with another type. Fields that the new type does not use are kept until it is saved. */
export function toKind(draft: Draft, kind: ItemKind): Draft {
  if (!hasChoices(kind)) return { ...draft, kind, choices: [], correct: new Set() };
  const choices = draft.choices.length === 0 ? EMPTY_CHOICES : draft.choices;
  const correct = kind === "choice" ? new Set([...draft.correct].slice(0, 1)) : draft.correct;
  return { ...draft, kind, choices, correct };
}

/** Mark a choice as correct or not. In a single choice the mark moves. */
export function markChoice(draft: Draft, at: number, on: boolean): Draft {
  if (draft.kind === "choice") return { ...draft, correct: new Set([at]) };
  const correct = new Set(draft.correct);
  if (on) correct.add(at);
  else correct.delete(at);
  return { ...draft, correct };
}

export function removeChoice(draft: Draft, at: number): Draft {
  const others = [...draft.correct].filter((place) => place !== at);
  const correct = new Set(others.map((place) => (place > at ? place - 1 : place)));
  return { ...draft, choices: draft.choices.filter((_, place) => place !== at), correct };
}

/** Whether two lists of questions are sent to the hub in the same form. */
export function sameItems(a: readonly Draft[], b: readonly Draft[]): boolean {
  return JSON.stringify(a.map(toItem)) === JSON.stringify(b.map(toItem));
}
