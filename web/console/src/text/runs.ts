/** A timeline to read: what repeats (typing, gaze samples, signs of life) is told once with its number. Pure. */

import type { TimelineEvent } from "../rest.ts";

export interface Run {
  readonly key: string;
  readonly first: TimelineEvent;
  readonly last: TimelineEvent;
  readonly events: readonly TimelineEvent[];
}

const REPEATS = new Set(["alive", "typing", "eye_movement", "head_pose", "face_count", "voice_activity", "draft_saved"]);

/** Neighbours of one repeating type become one run; an event that a flag rests on always stands alone. */
export function runsOf(events: readonly TimelineEvent[]): Run[] {
  const runs: Run[] = [];
  for (const event of events) {
    const open = runs.at(-1);
    const joins =
      open !== undefined &&
      REPEATS.has(event.event_type) &&
      open.first.event_type === event.event_type &&
      event.flags.length === 0 &&
      open.last.flags.length === 0;
    if (joins) runs[runs.length - 1] = { ...open, last: event, events: [...open.events, event] };
    else runs.push({ key: `${event.stream_id}/${event.seq}`, first: event, last: event, events: [event] });
  }
  return runs;
}

/** What a run adds up to: characters typed, or nothing. */
export function runTotal(run: Run): number | null {
  if (run.first.event_type !== "typing") return null;
  return run.events.reduce((sum, event) => sum + (typeof event.data["chars"] === "number" ? event.data["chars"] : 0), 0);
}
