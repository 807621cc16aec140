/** A timeline to read: what repeats (typing, gaze samples, signs of life) is told once with its numbers. Pure. */

import type { TimelineEvent } from "../../rest/types.ts";
import { count, eventDetail, eventText } from "../../format/format.ts";

export interface Run {
  readonly key: string;
  readonly first: TimelineEvent;
  readonly last: TimelineEvent;
  readonly events: readonly TimelineEvent[];
}

const REPEATS = new Set([
  "alive",
  "typing",
  "eye_movement",
  "head_pose",
  "face_count",
  "voice_activity",
  "draft_saved",
]);

/** Neighbours that repeat become one run; an event that a flag rests on always stands alone. */
export function runsOf(events: readonly TimelineEvent[]): Run[] {
  const runs: Run[] = [];
  for (const event of events) {
    const open = runs.at(-1);
    if (open !== undefined && repeats(event) && repeats(open.last)) {
      runs[runs.length - 1] = { ...open, last: event, events: [...open.events, event] };
    } else runs.push({ key: `${event.stream_id}/${event.seq}`, first: event, last: event, events: [event] });
  }
  return runs;
}

function repeats(event: TimelineEvent): boolean {
  return REPEATS.has(event.event_type) && event.flags.length === 0;
}

export interface RunText {
  readonly title: string;
  readonly detail: string;
}

const PLURALS: Readonly<Record<string, readonly [one: string, many: string]>> = {
  alive: ["sign of life", "signs of life"],
  typing: ["burst of typing", "bursts of typing"],
  eye_movement: ["gaze sample", "gaze samples"],
  head_pose: ["head position", "head positions"],
  face_count: ["count of faces", "counts of faces"],
  voice_activity: ["voice sample", "voice samples"],
  draft_saved: ["draft saved", "drafts saved"],
};

/** A run in words: one event as itself, many by their kinds and the characters typed. */
export function describeRun({ first, events }: Run): RunText {
  if (events.length === 1)
    return { title: eventText(first.event_type), detail: eventDetail(first.event_type, first.data) };
  const times = new Map<string, number>();
  let chars = 0;
  for (const event of events) {
    times.set(event.event_type, (times.get(event.event_type) ?? 0) + 1);
    if (event.event_type === "typing" && typeof event.data.chars === "number") chars += event.data.chars;
  }
  const parts = [...times].map(([type, number]) => {
    const [one, many] = PLURALS[type] ?? [eventText(type), eventText(type)];
    return count(number, one, many);
  });
  if (chars > 0) parts.unshift(`${count(chars, "character")} typed`);
  const quiet = times.size === 1 && times.has("alive");
  return { title: quiet ? "Quiet" : times.has("typing") ? "At work" : "Samples", detail: parts.join(" · ") };
}
