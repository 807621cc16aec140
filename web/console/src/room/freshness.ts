/** How old what the screen shows may be, in words; never better than the truth. Pure. */

import { formatSpan, formatTime } from "@veritas/shared/time.ts";
import type { LinkState } from "../board/link.ts";

export type FreshnessTone = "good" | "warning" | "critical";

export interface Freshness {
  readonly tone: FreshnessTone;
  readonly text: string;
  readonly detail: string | null;
}

/** A hub that was heard within this long is live; consoles ask every four seconds. */
export const QUIET_MS = 6_500;

const OVER: Readonly<Record<number, string>> = {
  4400: "The hub did not understand this console. Load the page again.",
  4401: "You are signed out.",
  4403: "You may not watch this exam any more.",
  4413: "The hub did not take what this console sent.",
};

/** `ageMs` is how long ago the hub was last heard, null if never. */
export function freshness(
  state: LinkState,
  ageMs: number | null,
  nowMs: number,
  presenceSince: number | null,
): Freshness {
  const asOf = ageMs === null ? "" : ` · as of ${formatSpan(ageMs)} ago`;
  switch (state.kind) {
    case "live":
      if (ageMs !== null && ageMs > QUIET_MS) {
        return { tone: "warning", text: `Nothing heard${asOf}`, detail: "Asking the hub whether it is there." };
      }
      return presenceSince === null
        ? { tone: "good", text: "Live", detail: null }
        : {
            tone: "warning",
            text: `Live · presence late since ${formatTime(presenceSince)}`,
            detail:
              "Flags, statuses and scores are live. Who is here comes from the record and may be some seconds late.",
          };
    case "connecting":
      return ageMs === null
        ? { tone: "warning", text: "Connecting…", detail: null }
        : { tone: "warning", text: `Reconnecting…${asOf}`, detail: "What you see is the last that was heard." };
    case "waiting": {
      const left = Math.max(0, state.until - nowMs);
      return {
        tone: "warning",
        text: ageMs === null ? "No connection" : `Reconnecting…${asOf}`,
        detail:
          left > 1_000
            ? `The next try is in ${formatSpan(left)}. Nothing is lost meanwhile.`
            : "Nothing is lost meanwhile.",
      };
    }
    case "over":
      return {
        tone: "critical",
        text: `Not live${asOf}`,
        detail: OVER[state.code] ?? (state.detail || "The hub closed this console."),
      };
  }
}
