// Answers of the student: which are missing, which of two sources is newer, and how long a text may be. Pure.
import type { Json, LocalAnswer } from "@veritas/proctor";
import type { Item, SavedAnswer } from "../types.ts";

/** The longest text of an answer: a draft may have 32 KiB on the wire, including what JSON adds. */
export const MAX_TEXT_BYTES = 30_000;

export type Answers = { readonly [item: string]: Json };

export function isAnswered(item: Item, answers: Answers): boolean {
  const value = answers[item.item] ?? null;
  if (typeof value === "string") return value.trim() !== "";
  return Array.isArray(value) ? value.length > 0 : value !== null;
}

export function unanswered(items: readonly Item[], answers: Answers): Item[] {
  return items.filter((item) => !isAnswered(item, answers));
}

export function savedValues(saved: { readonly [item: string]: SavedAnswer }): Record<string, Json> {
  return Object.fromEntries(Object.entries(saved).map(([item, answer]) => [item, answer.value]));
}

/**
 * Return the answers of this device that are newer than those of the server, or of the same time. `aheadMs` is how far
 * the server's clock is ahead of the clock of this device.
 */
export function newerThan(
  saved: { readonly [item: string]: SavedAnswer },
  local: readonly LocalAnswer[],
  aheadMs: number,
): Record<string, Json> {
  const newer: Record<string, Json> = {};
  for (const { item, value, at } of local) {
    const known = saved[item];
    if (known === undefined || at + aheadMs >= known.saved_at) newer[item] = value;
  }
  return newer;
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
