// Answers of the student: which are missing, which were changed in two places, and how long a text may be. Pure.
import type { Json, RestoredAnswer } from "@veritas/proctor";
import { own } from "@veritas/shared/lookup/own.ts";
import type { Item, SavedAnswer } from "../types.ts";

/** The longest text of an answer: a draft may have 32 KiB on the wire, including what JSON adds. */
export const MAX_TEXT_BYTES = 30_000;

export type Answers = { readonly [item: string]: Json };

export function isAnswered(item: Item, answers: Answers): boolean {
  const value = own(answers, item.item) ?? null;
  if (typeof value === "string") return value.trim() !== "";
  return Array.isArray(value) ? value.length > 0 : value !== null;
}

export function unanswered(items: readonly Item[], answers: Answers): Item[] {
  return items.filter((item) => !isAnswered(item, answers));
}

export function savedValues(saved: { readonly [item: string]: SavedAnswer }): Record<string, Json> {
  return Object.fromEntries(Object.entries(saved).map(([item, answer]) => [item, answer.value]));
}

/** An answer that was changed on this device and, in the meantime, somewhere else. */
export interface Conflict {
  here: Json;
  there: Json;
  /** When the server stored the other one, by its clock. */
  savedAt: number;
}

export interface Restored {
  /** Answers of this device that are newer than those of the server. */
  newer: Record<string, Json>;
  conflicts: Record<string, Conflict>;
}

/**
 * Compare the answers of this device that were not acknowledged with those of the server. No clock decides: an answer of
 * the server from one of `streams`, the streams of this device, is older. One from elsewhere may be older or newer.
 */
export function restoreAnswers(
  saved: { readonly [item: string]: SavedAnswer },
  local: readonly RestoredAnswer[],
  streams: ReadonlySet<string>,
): Restored {
  const [newer, conflicts] = [new Map<string, Json>(), new Map<string, Conflict>()];
  for (const { item, value, isStored } of new Map(local.map((answer) => [answer.item, answer])).values()) {
    const known = own(saved, item);
    if (known === undefined || streams.has(known.stream)) newer.set(item, value);
    // The server has both, and knows which one is newer.
    else if (isStored || JSON.stringify(value) === JSON.stringify(known.value)) continue;
    else conflicts.set(item, { here: value, there: known.value, savedAt: known.saved_at });
  }
  return { newer: Object.fromEntries(newer), conflicts: Object.fromEntries(conflicts) };
}

/** Return how many bytes a text takes inside a JSON string. */
export function wireBytes(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).length - 2;
}

/** Cut a text to the longest beginning that may be sent. */
export function fitText(text: string): string {
  if (wireBytes(text) <= MAX_TEXT_BYTES) return text;
  let [fits, tooLong] = [0, text.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (wireBytes(text.slice(0, middle)) <= MAX_TEXT_BYTES) fits = middle;
    else tooLong = middle;
  }
  return text.slice(0, fits);
}
