// How what a candidate has written stands with the server, in words that are always true: "saved" is said only of what was
// acknowledged, that is, committed. Pure.
import type { Status } from "@veritas/proctor/index.ts";
import { formatAgo } from "@veritas/shared/time.ts";

export interface Saving {
  /** What a change of is worth telling a screen reader. */
  kind: "idle" | "saved" | "pending" | "offline" | "refused" | "signed_out";
  tone: "good" | "info" | "warning" | "critical";
  text: string;
  /** Said once when the kind changes; nothing where the text alone is enough. */
  spoken: string;
}

const changes = (n: number): string => (n === 1 ? "1 change" : `${n} changes`);

/** `typing` are items with a change that was not even recorded yet; `nowMs` is the page's monotonic clock. */
export function describeSaving(status: Status, typing: ReadonlySet<string>, nowMs: number): Saving {
  const n = new Set([...status.unsaved, ...typing]).size;
  if (status.refused.size > 0) {
    const one = status.refused.size === 1 ? "One answer was" : `${status.refused.size} answers were`;
    const text = `${one} not saved: too long, or not readable for the server. Change it, or ask for help.`;
    return { kind: "refused", tone: "critical", text, spoken: text };
  }
  if (status.over === "signed_out") {
    const text = n === 0 ? "Signed out. Everything so far is saved on the server." : `Signed out. ${kept(status, n)}`;
    return { kind: "signed_out", tone: "warning", text, spoken: text };
  }
  if (status.link !== "open") {
    const isFirst = status.ackedMs === null && n === 0;
    const rest =
      n === 0 ? (isFirst ? "Nothing is waiting." : "Everything so far is saved on the server.") : kept(status, n);
    const text = status.link === "waiting" ? `Offline. ${rest}` : `Connecting… ${rest}`;
    return { kind: "offline", tone: "warning", text, spoken: status.link === "waiting" ? text : "" };
  }
  if (n > 0) return { kind: "pending", tone: "info", text: `Not yet saved: ${changes(n)}`, spoken: "" };
  if (status.ackedMs === null) return { kind: "idle", tone: "good", text: "Connected", spoken: "" };
  return {
    kind: "saved",
    tone: "good",
    text: `Saved on the server ${formatAgo(nowMs - status.ackedMs)}`,
    spoken: "Saved on the server.",
  };
}

function kept(status: Status, n: number): string {
  const are = n === 1 ? "is" : "are";
  return status.isKept
    ? `${changes(n)} ${are} kept on this machine.`
    : `${changes(n)} ${are} only in this open page: do not close it.`;
}

/** Whether a change from one kind to the next is worth being read out: losses always, a save only after a loss. */
export function isWorthSaying(before: Saving["kind"], after: Saving["kind"]): boolean {
  if (before === after) return false;
  if (after === "saved") return before === "offline" || before === "refused" || before === "signed_out";
  return after === "offline" || after === "refused" || after === "signed_out";
}
