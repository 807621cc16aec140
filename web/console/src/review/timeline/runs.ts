/** Groups repeated events of a timeline (typing, gaze samples, signals) into one line each. Pure. */

import { own } from "@veritas/shared/lookup/own.ts";
import { eventDetail, eventText } from "../../format/events.ts";
import { count } from "../../format/numbers.ts";
import type { TimelineEvent } from "../../rest/types.ts";
import { REPEATED, TIMELINE } from "../../texts/events.ts";

/** Neighboring events that are shown as one line. */
export interface Run {
  readonly key: string;
  readonly first: TimelineEvent;
  readonly last: TimelineEvent;
  readonly events: readonly TimelineEvent[];
}

/** Group neighbors that repeat. An event that a flag cites always has its own line. */
export function runsOf(events: readonly TimelineEvent[]): Run[] {
  const runs: Run[] = [];
  for (const event of events) {
    const open = runs.at(-1);
    if (open !== undefined && isRepeated(event) && isRepeated(open.last)) {
      runs[runs.length - 1] = { ...open, last: event, events: [...open.events, event] };
    } else runs.push({ key: `${event.stream_id}/${event.seq}`, first: event, last: event, events: [event] });
  }
  return runs;
}

function isRepeated(event: TimelineEvent): boolean {
  return Object.hasOwn(REPEATED, event.event_type) && event.flags.length === 0;
}

export interface RunText {
  readonly title: string;
  readonly detail: string;
}

/** A run in words: a single event with its payload, several by their types and the characters typed. */
export function describeRun({ first, events }: Run): RunText {
  if (events.length === 1) {
    return { title: eventText(first.event_type), detail: eventDetail(first.event_type, first.data) };
  }
  const counts = new Map<string, number>();
  for (const { event_type: type } of events) counts.set(type, (counts.get(type) ?? 0) + 1);
  const parts = [...counts].map(([type, number]) => {
    const [singular, plural] = own(REPEATED, type) ?? [eventText(type), eventText(type)];
    return `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;
  });
  const chars = charsTyped(events);
  if (chars > 0) parts.unshift(TIMELINE.typed(count(chars, "character")));
  return { title: titleOf(counts), detail: parts.join(" · ") };
}

function charsTyped(events: readonly TimelineEvent[]): number {
  const typed = events.filter((event) => event.event_type === "typing");
  return typed.reduce((sum, { data }) => sum + (typeof data.chars === "number" ? data.chars : 0), 0);
}

function titleOf(counts: ReadonlyMap<string, number>): string {
  if (counts.has("typing")) return TIMELINE.writing;
  return counts.size === 1 && counts.has("alive") ? TIMELINE.quiet : TIMELINE.samples;
}
