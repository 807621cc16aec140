/** A person's decision about a flag: what may be decided when, and the two ways to say it, over the socket or over REST. */

import { Problem, errorText } from "@veritas/shared/api.ts";
import { formatDateTime } from "@veritas/shared/time.ts";
import type { FlagStatus } from "../../board/frames.ts";
import type { FlagView } from "../../rest/types.ts";
import { api, live } from "../../state.ts";
import { codeText, decisionText } from "../../format/format.ts";

export type Decision = "confirmed" | "dismissed" | "escalated";

/** Why a decision did not come about, or null when it did. */
export type Decided = string | null;
export type Decide = (
  flag: { flag_id: string; status: FlagStatus },
  decision: Decision,
  reason: string,
) => Promise<Decided>;

const DECISIONS: Readonly<Record<FlagStatus, readonly Decision[]>> = {
  open: ["confirmed", "dismissed", "escalated"],
  escalated: ["confirmed", "dismissed"],
  confirmed: ["dismissed"],
  dismissed: ["confirmed"],
  withdrawn: [],
};

/** What may be decided; a decision is undone by the opposite one, and an escalation is answered by another person. */
export function decisions(status: FlagStatus): readonly Decision[] {
  return DECISIONS[status];
}

const VERBS: Readonly<Record<Decision, string>> = { confirmed: "Confirm", dismissed: "Dismiss", escalated: "Escalate" };

export function verb(decision: Decision, status: FlagStatus): string {
  if (status === "confirmed") return "Dismiss instead";
  if (status === "dismissed") return "Confirm instead";
  return VERBS[decision];
}

export function conflictText(by: string | null, at: number | null): string {
  const who = by ?? "Somebody";
  const when = at === null ? "" : ` on ${formatDateTime(at)}`;
  return `${who} decided about this flag${when}, before you. Look at it again.`;
}

/** Over the console's socket: the board changes with it. */
export function decideLive(examId: string): Decide {
  return async (flag, decision, reason) => {
    const result = await live().order(examId, {
      action: "review",
      flag_id: flag.flag_id,
      decision,
      seen: flag.status,
      reason,
    });
    if (result.code !== null && result.code !== undefined) return codeText(result.code, result.detail ?? null);
    const outcome = result.outcomes[0];
    if (outcome === undefined || outcome.ok) return null;
    if (outcome.code === "conflict") return conflictText(outcome.by ?? null, outcome.at ?? null);
    return outcome.detail ?? codeText(outcome.code ?? "", null);
  };
}

/** Over REST; a request that is repeated decides once. */
export function decideByRest(onFlag: (flag: FlagView) => void): Decide {
  return async (flag, decision, reason) => {
    const body = { id: crypto.randomUUID(), decision, seen: flag.status, reason };
    try {
      onFlag(await api.post<FlagView>(`/teacher/flags/${flag.flag_id}/review`, body));
      return null;
    } catch (error) {
      if (error instanceof Problem && error.status === 409) {
        const { by, at } = error.body as { by?: string; at?: number };
        return by === undefined ? errorText(error) : conflictText(by, at ?? null);
      }
      return errorText(error);
    }
  };
}

export function decidedText(decision: Decision, name: string): string {
  return `${decisionText(decision)}: ${name}.`;
}
