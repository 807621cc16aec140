// The last delivery of a page that is closing: what the hub has not acknowledged, as one request. Seqs must stay without a
// gap, so it starts with the oldest event. Pure.

import type { Event } from "../session/frames.ts";
import { type CandidateQueue, FRAME_OVERHEAD } from "./queue.ts";

/** Browsers let a closing page send 64 KiB. */
export const LAST_BYTES = 60_000;

/** The body of `POST /monitor/events`. */
export interface Delivery {
  stream: string;
  lost?: { to_seq: number; reason: string };
  first_seq: number;
  events: Event[];
}

/**
 * Return everything that is not acknowledged, or, when that is too large, what was not sent on the connection; of that as
 * much as fits. Null when there is nothing.
 */
export function lastWords(queue: CandidateQueue, maxEvents: number, maxBytes = LAST_BYTES): Delivery | null {
  const all = collect(queue, queue.acked, maxEvents, maxBytes);
  return all?.isComplete === false && queue.sentTo > queue.acked
    ? (collect(queue, queue.sentTo, maxEvents, maxBytes)?.delivery ?? null)
    : (all?.delivery ?? null);
}

function collect(
  queue: CandidateQueue,
  after: number,
  maxEvents: number,
  maxBytes: number,
): { delivery: Delivery; isComplete: boolean } | null {
  if (queue.stream === null) return null;
  const events: Event[] = [];
  let [first, size] = [after + 1, FRAME_OVERHEAD * 2];
  const encoder = new TextEncoder();
  for (const { seq, event } of queue.entries()) {
    if (seq <= after || event === null) continue;
    // Lost seqs may only come before the events of a delivery.
    if (events.length === 0) first = seq;
    else if (seq !== first + events.length) break;
    size += encoder.encode(JSON.stringify(event)).length + 1;
    if (events.length === maxEvents || size > maxBytes) break;
    events.push(event);
  }
  if (events.length === 0) return null;
  const lost = first > after + 1 ? { lost: { to_seq: first - 1, reason: "overflow" } } : {};
  const delivery = { stream: queue.stream, ...lost, first_seq: first, events };
  return { delivery, isComplete: first + events.length === queue.nextSeq };
}
