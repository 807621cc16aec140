/** Decisions on flags: which are possible, and how they are sent, over the console's socket or over REST. */

import { Problem, errorText } from "@veritas/shared/api.ts";
import { formatDateTime } from "@veritas/shared/time.ts";
import type { FlagStatus, Outcome, Result } from "../../board/frames.ts";
import { decisionText } from "../../format/names.ts";
import type { FlagView } from "../../rest/types.ts";
import { codeText } from "../../room/commands/results.ts";
import { api, connection } from "../../state.ts";
import { DECIDE } from "../../texts/flags.ts";

export type Decision = "confirmed" | "dismissed" | "escalated";

/** Sends a decision. Returns null on success, else why it was not accepted. `status` is what the reviewer saw. */
export type Decide = (
  flag: { flag_id: string; status: FlagStatus },
  decision: Decision,
  reason: string,
) => Promise<string | null>;

/** A decision can be reversed. An escalated flag is decided by another reviewer. */
const POSSIBLE: Readonly<Record<FlagStatus, readonly Decision[]>> = {
  open: ["confirmed", "dismissed", "escalated"],
  escalated: ["confirmed", "dismissed"],
  confirmed: ["dismissed"],
  dismissed: ["confirmed"],
  withdrawn: [],
};

export function possibleDecisions(status: FlagStatus): readonly Decision[] {
  return POSSIBLE[status];
}

/** The name of the button for a decision on a flag of this status. */
export function decisionVerb(decision: Decision, status: FlagStatus): string {
  if (status === "confirmed") return DECIDE.dismissInstead;
  if (status === "dismissed") return DECIDE.confirmInstead;
  return DECIDE.verbs[decision];
}

export function conflictText(by: string | null, at: number | null): string {
  return DECIDE.conflict(by ?? DECIDE.anotherUser, at === null ? "" : DECIDE.on(formatDateTime(at)));
}

export function decidedText(decision: Decision, flag: string): string {
  return DECIDE.decided(decisionText(decision), flag);
}

/** Decide over the socket: the result also changes the board. */
export function decideLive(examId: string): Decide {
  return async (flag, decision, reason) => {
    const review = { action: "review", flag_id: flag.flag_id, decision, seen: flag.status, reason } as const;
    return refusalOf(await connection().command(examId, review));
  };
}

/** Why a review was refused; null if it was accepted. */
export function refusalOf(result: Pick<Result, "code" | "detail" | "outcomes">): string | null {
  if (result.code !== null && result.code !== undefined) return codeText(result.code, result.detail ?? null);
  const outcome: Outcome | undefined = result.outcomes[0];
  if (outcome === undefined || outcome.ok) return null;
  if (outcome.code === "conflict") return conflictText(outcome.by ?? null, outcome.at ?? null);
  return outcome.detail ?? codeText(outcome.code ?? "", null);
}

/** Decide over REST; `onFlag` gets the changed flag. A repeated request decides once. */
export function decideByRest(onFlag: (flag: FlagView) => void): Decide {
  return async (flag, decision, reason) => {
    const body = { id: crypto.randomUUID(), decision, seen: flag.status, reason };
    try {
      onFlag(await api.post<FlagView>(`/teacher/flags/${flag.flag_id}/review`, body));
      return null;
    } catch (error) {
      const { by, at } = (error instanceof Problem && error.status === 409 ? error.body : {}) as Conflict;
      return by === undefined ? errorText(error) : conflictText(by, at ?? null);
    }
  };
}

interface Conflict {
  by?: string;
  at?: number;
}
