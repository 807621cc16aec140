// The frames of `/ws/monitor`: the generated types, and how a frame is read from text.

import { CloseCode, LIMITS } from "@veritas/shared/wire/codes.ts";
import type * as wire from "@veritas/shared/wire/monitor.ts";

export type {
  Attempt,
  ClientFrame,
  Done,
  Event,
  Events,
  HubFrame,
  Instruct,
  Limits,
  Lost,
  Mark,
  Previous,
  Rejected,
  Welcome,
  Window,
} from "@veritas/shared/wire/monitor.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Payload = { [key: string]: Json };

export const DEFAULT_LIMITS: wire.Limits = {
  frame_bytes: LIMITS.FRAME_BYTES,
  events_per_frame: LIMITS.EVENTS_PER_FRAME,
  event_bytes: LIMITS.EVENT_BYTES,
  draft_bytes: LIMITS.DRAFT_BYTES,
  depth: LIMITS.DEPTH,
};

export { CloseCode, LIMITS };

const HUB_TAGS: ReadonlySet<string> = new Set<wire.HubFrame["t"]>([
  "welcome",
  "ack",
  "window",
  "instruct",
  "attempt",
  "rotate",
  "pong",
  "drain",
  "error",
]);

/** Read a frame of the hub; null when it is not a frame, or not known to this version. */
export function readFrame(text: string): wire.HubFrame | null {
  try {
    const frame = JSON.parse(text) as wire.HubFrame | null;
    return typeof frame === "object" && frame !== null && HUB_TAGS.has(frame.t) ? frame : null;
  } catch {
    return null;
  }
}
