import { describe, expect, it } from "vitest";
import type { InstructionRow, Result } from "../../board/frames.ts";
import { codeText, instructionText, noResultText, resultText } from "./results.ts";

const result = (outcomes: object[], code: string | null = null): Result =>
  ({ t: "result", id: "1", outcomes, code, detail: null }) as Result;
const done = (reached: number): string => `Sent to ${reached}.`;

describe("the result of a command", () => {
  it("counts the reached attempts", () => {
    expect(resultText(result([{ ok: true }, { ok: true }]), done)).toEqual({ text: "Sent to 2.", ok: true });
    expect(resultText(result([]), done)).toEqual({ text: "Sent to 0.", ok: false });
  });

  it("says what failed and why", () => {
    expect(resultText(result([{ ok: true }, { ok: false, code: "not_found" }]), done)).toEqual({
      text: "Sent to 1. 1 failed: This student is not taking the exam at the moment.",
      ok: false,
    });
    expect(resultText(result([], "forbidden"), done).text).toBe("You do not have permission to do this.");
    expect(codeText("some_code", null)).toBe("Some code");
    expect(codeText("some_code", "The hub says so.")).toBe("The hub says so.");
  });

  it("warns that a command without a result may be carried out", () => {
    expect(noResultText(new Error("No answer."))).toMatch(/^No answer\. Your command may still be carried out/);
  });
});

describe("an instruction", () => {
  const instruction = (some: Partial<InstructionRow>): InstructionRow =>
    ({ attempt_id: "a", n: 1, action: "message", text: null, state: "sent", code: null, ...some }) as InstructionRow;

  it("says how far it got", () => {
    expect(instructionText(instruction({ text: "Ten minutes left.", state: "done" }))).toBe(
      "Message “Ten minutes left.” · received",
    );
    expect(instructionText(instruction({ action: "pause", state: "failed", code: "not_supported" }))).toBe(
      "Pause · failed (not supported)",
    );
    expect(instructionText(instruction({ action: "end", text: "Left.", state: "failed" }))).toContain(
      "did not confirm it",
    );
  });
});
