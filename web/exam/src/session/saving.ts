// Whether the answers are saved, as a text for the student. It must never say "saved" before the server has acknowledged
// the answer, that is, stored it. Pure.
import type { Status } from "@veritas/proctor";
import { formatAgo } from "@veritas/shared/time.ts";
import { savingTexts as texts } from "../texts.ts";

export interface Saving {
  /** A change of kind may be announced to screen readers. */
  kind: "idle" | "saved" | "pending" | "offline" | "refused" | "signed_out";
  tone: "good" | "info" | "warning" | "critical";
  text: string;
  /** The text to announce; empty when there is none. */
  spoken: string;
}

/** `typing` are items with a change that is not recorded yet; `nowMs` is the page's monotonic clock. */
export function describeSaving(status: Status, typing: ReadonlySet<string>, nowMs: number): Saving {
  const unsaved = new Set([...status.unsaved, ...typing]).size;
  if (status.refused.size > 0) {
    const text = texts.refused(status.refused.size);
    return { kind: "refused", tone: "critical", text, spoken: text };
  }
  if (status.over === "signed_out") {
    const text = texts.signedOut(unsaved === 0 ? texts.allSaved : whereStored(status, unsaved, typing.size > 0));
    return { kind: "signed_out", tone: "warning", text, spoken: text };
  }
  if (status.link !== "open") return describeOffline(status, unsaved, typing.size > 0);
  if (unsaved > 0) return { kind: "pending", tone: "info", text: texts.pending(unsaved), spoken: "" };
  if (status.ackedMs === null) return { kind: "idle", tone: "good", text: texts.connected, spoken: "" };
  const text = texts.saved(formatAgo(nowMs - status.ackedMs));
  return { kind: "saved", tone: "good", text, spoken: texts.savedSpoken };
}

function describeOffline(status: Status, unsaved: number, isTyping: boolean): Saving {
  const nothing = status.ackedMs === null ? texts.nothingToSend : texts.allSaved;
  const rest = unsaved === 0 ? nothing : whereStored(status, unsaved, isTyping);
  const isWaiting = status.link === "waiting";
  const text = isWaiting ? texts.offline(rest) : texts.connecting(rest);
  return { kind: "offline", tone: "warning", text, spoken: isWaiting ? text : "" };
}

function whereStored(status: Status, unsaved: number, isTyping: boolean): string {
  if (!status.isStored) return texts.onlyInPage(unsaved);
  return isTyping || status.isStoring ? texts.storing(unsaved) : texts.stored(unsaved);
}

/** Return whether to announce a change of kind: every loss, and a save only after a loss. */
export function shouldAnnounce(before: Saving["kind"], after: Saving["kind"]): boolean {
  if (before === after) return false;
  if (after === "saved") return before === "offline" || before === "refused" || before === "signed_out";
  return after === "offline" || after === "refused" || after === "signed_out";
}
