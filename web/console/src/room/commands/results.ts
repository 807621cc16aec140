/** Results of commands and instructions in words. Pure. */

import { own } from "@veritas/shared/lookup/own.ts";
import type { InstructionRow, Result } from "../../board/frames.ts";
import { readable } from "../../format/names.ts";
import { shorten } from "../../format/numbers.ts";
import { INSTRUCTIONS, RESULTS } from "../../texts/commands.ts";

/** Why a command was refused. */
export function codeText(code: string, detail: string | null): string {
  return own(RESULTS.codes, code) ?? detail ?? readable(code);
}

/** The result of a command in one sentence, and whether it reached all attempts. `done` says how many were reached. */
export function resultText(result: Result, done: (reached: number) => string): { text: string; ok: boolean } {
  if (result.code !== null && result.code !== undefined) {
    return { text: codeText(result.code, result.detail ?? null), ok: false };
  }
  const reached = result.outcomes.filter((outcome) => outcome.ok).length;
  const missed = result.outcomes.filter((outcome) => !outcome.ok);
  const first = missed[0];
  if (first === undefined) return { text: done(reached), ok: reached > 0 };
  const why = codeText(first.code ?? "", first.detail ?? null);
  return { text: reached === 0 ? why : RESULTS.partly(done(reached), missed.length, why), ok: false };
}

/** The text for a command without a result: the hub may still carry it out. */
export function noResultText(error: unknown): string {
  return RESULTS.mayBeDone(error instanceof Error ? error.message : String(error));
}

/** How far an instruction got: `Message “Ten minutes left.” · received`. */
export function instructionText(row: Pick<InstructionRow, "action" | "text" | "state" | "code">): string {
  const action = own(INSTRUCTIONS.actions, row.action) ?? readable(row.action);
  const quoted = row.text ? `${action} “${shorten(row.text)}”` : action;
  if (row.action === "end" && row.state === "failed") return `${quoted} · ${INSTRUCTIONS.endUnconfirmed}`;
  const state = own(INSTRUCTIONS.states, row.state) ?? row.state;
  return `${quoted} · ${state}${row.code ? ` (${row.code.replaceAll("_", " ")})` : ""}`;
}
