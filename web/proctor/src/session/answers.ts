// Keeps track of which answers the server has stored and which it has not. Pure.

import type { Event, Json, Rejected } from "./frames.ts";
import type { QueueEntry } from "../queue/queue.ts";

export interface LocalAnswer {
  item: string;
  value: Json;
  /** When it was given, by the clock of this device, which may be wrong. */
  at: number;
}

/** An answer of the stored queue. */
export interface RestoredAnswer extends LocalAnswer {
  /** Whether the server had stored it, although its acknowledgement did not arrive. */
  isStored: boolean;
}

/** Return the answer in an event; null for any other event. */
export function answerOf(event: Event | null): LocalAnswer | null {
  if (event === null || event.data === undefined) return null;
  const { item, value, text } = event.data;
  if (typeof item !== "string") return null;
  if (event.type === "answered") return { item, value: (value ?? null) as Json, at: event.at };
  return event.type === "draft_saved" ? { item, value: (text ?? null) as Json, at: event.at } : null;
}

/** Answers that are recorded but not acknowledged, by the key of their event. */
export class PendingAnswers {
  private readonly pending = new Map<number, string>();
  private readonly failed = new Map<string, string>();

  /** Items with a change that the server has not acknowledged. */
  get items(): ReadonlySet<string> {
    return new Set(this.pending.values());
  }

  /** Items whose last change was refused by the server or dropped here, with the code of the reason. */
  get refused(): ReadonlyMap<string, string> {
    return this.failed;
  }

  recorded(key: number, event: Event): void {
    const answer = answerOf(event);
    if (answer === null) return;
    this.pending.set(key, answer.item);
    this.failed.delete(answer.item);
  }

  /** The server has stored these events, or refused them. */
  acknowledged(entries: readonly QueueEntry[], rejected: readonly Rejected[]): void {
    const codes = new Map(rejected.map(({ seq, code }) => [seq, code]));
    for (const { key, seq } of entries) this.settle(key, codes.get(seq));
  }

  dropped(dropped: readonly QueueEntry[]): void {
    for (const { key } of dropped) this.settle(key, "overflow");
  }

  private settle(key: number, code: string | undefined): void {
    const item = this.pending.get(key);
    this.pending.delete(key);
    const isLast = item !== undefined && ![...this.pending.values()].includes(item);
    if (isLast && code !== undefined) this.failed.set(item, code);
  }
}
