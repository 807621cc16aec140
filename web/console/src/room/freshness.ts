/** How old the shown data may be, in words. It never claims more than is known. Pure. */

import { formatSpan, formatTime } from "@veritas/shared/time.ts";
import type { SocketState } from "../board/socket.ts";
import { FRESHNESS } from "../texts/room.ts";

export interface Freshness {
  readonly tone: "good" | "warning" | "critical";
  readonly text: string;
  readonly detail: string | null;
}

/** Data counts as live while the last frame is at most this old. The console sends a ping every four seconds. */
export const QUIET_MS = 6_500;

/**
 * `ageMs` is the time since the last frame, null before the first one; `presenceSince` is since when presence is late, ms
 * since the epoch; `nowMs` is the time of `performance.now()`.
 */
export function freshness(
  state: SocketState,
  ageMs: number | null,
  nowMs: number,
  presenceSince: number | null,
): Freshness {
  const asOf = ageMs === null ? "" : FRESHNESS.asOf(formatSpan(ageMs));
  switch (state.kind) {
    case "live":
      if (ageMs === null || ageMs <= QUIET_MS) return live(presenceSince);
      return { tone: "warning", text: `${FRESHNESS.noSignal}${asOf}`, detail: FRESHNESS.checking };
    case "connecting":
      return ageMs === null
        ? { tone: "warning", text: FRESHNESS.connecting, detail: null }
        : { tone: "warning", text: `${FRESHNESS.reconnecting}${asOf}`, detail: FRESHNESS.lastReceived };
    case "waiting":
      return {
        tone: "warning",
        text: ageMs === null ? FRESHNESS.disconnected : `${FRESHNESS.reconnecting}${asOf}`,
        detail: nextTry(state.until - nowMs),
      };
    case "closed": {
      const detail = FRESHNESS.endings[state.code] ?? (state.detail || FRESHNESS.closed);
      return { tone: "critical", text: `${FRESHNESS.notLive}${asOf}`, detail };
    }
  }
}

function live(presenceSince: number | null): Freshness {
  if (presenceSince === null) return { tone: "good", text: FRESHNESS.live, detail: null };
  const text = FRESHNESS.livePresenceLate(formatTime(presenceSince));
  return { tone: "warning", text, detail: FRESHNESS.presenceLateText };
}

function nextTry(leftMs: number): string {
  return leftMs > 1_000 ? FRESHNESS.nextTry(formatSpan(leftMs)) : FRESHNESS.nothingLost;
}
