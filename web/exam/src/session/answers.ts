// Answers as a person gives them: what counts as one, which are missing, and which of two sources is newer. Pure.
import type { Json, LocalAnswer } from "@veritas/proctor/index.ts";
import type { Item, SavedAnswer } from "../types.ts";

/** Longest text that fits into a draft on the wire (32 KiB), with room for what JSON adds. */
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
 * Answers of this machine that the server may not have, where they are newer than what it has; `aheadMs` is how far
 * the server's clock is ahead of this machine's. The same moment counts as newer: it was given here.
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

/** A number as people write it, with a point or a comma; undefined when it is none, null when there is none. */
export function readNumber(text: string): number | null | undefined {
  const plain = text
    .trim()
    .replace(/[\u00a0\u202f ]/g, "")
    .replace(",", ".")
    .replace("\u2212", "-");
  if (plain === "") return null;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(plain) && Number.isFinite(Number(plain))
    ? Number(plain)
    : undefined;
}

/** How many bytes a text has inside a JSON string on the wire. */
export function wireBytes(text: string): number {
  return new TextEncoder().encode(JSON.stringify(text)).length - 2;
}

/** The longest beginning of a text that may be sent. */
export function fitText(text: string): string {
  if (wireBytes(text) <= MAX_TEXT_BYTES) return text;
  let [fits, toMuch] = [0, text.length];
  while (toMuch - fits > 1) {
    const middle = (fits + toMuch) >> 1;
    if (wireBytes(text.slice(0, middle)) <= MAX_TEXT_BYTES) fits = middle;
    else toMuch = middle;
  }
  return text.slice(0, fits);
}
