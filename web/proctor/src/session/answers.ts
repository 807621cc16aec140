// Which answers of this page the server has, and which it has not. Pure: fed by the queue's events, asked by the page.

import type { Event, Json, Rejected } from "./frames.ts";
import type { Numbered } from "../queue/queue.ts";

export interface LocalAnswer {
  item: string;
  value: Json;
  /** When it was given, by this machine's wall clock. */
  at: number;
}

/** The answer an event carries; null for any other event. */
export function answerOf(event: Event | null): LocalAnswer | null {
  if (event === null || event.data === undefined) return null;
  const { item, value, text } = event.data;
  if (typeof item !== "string") return null;
  if (event.type === "answered") return { item, value: (value ?? null) as Json, at: event.at };
  return event.type === "draft_saved" ? { item, value: (text ?? null) as Json, at: event.at } : null;
}

/** The answers under way, by the key of their event. */
export class AnswersUnderWay {
  private readonly underWay = new Map<number, string>();
  private readonly failed = new Map<string, string>();

  /** Items with a change the server has not acknowledged. */
  get items(): ReadonlySet<string> {
    return new Set(this.underWay.values());
  }

  /** Items whose last change the server refused or this machine had to drop, and why. */
  get refused(): ReadonlyMap<string, string> {
    return this.failed;
  }

  recorded(key: number, event: Event): void {
    const answer = answerOf(event);
    if (answer === null) return;
    this.underWay.set(key, answer.item);
    this.failed.delete(answer.item);
  }

  /** The server has these, or refused them. */
  gone(gone: readonly Numbered[], rejected: readonly Rejected[]): void {
    const codes = new Map(rejected.map((one) => [one.seq, one.code]));
    for (const one of gone) {
      this.settle(one.key, codes.get(one.seq));
    }
  }

  dropped(dropped: readonly Numbered[]): void {
    for (const one of dropped) this.settle(one.key, "overflow");
  }

  private settle(key: number, fault: string | undefined): void {
    const item = this.underWay.get(key);
    this.underWay.delete(key);
    const isLast = item !== undefined && ![...this.underWay.values()].includes(item);
    if (isLast && fault !== undefined) this.failed.set(item, fault);
  }
}
