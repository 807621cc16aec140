// The answers that arrived after the end, which do not count by themselves.
import { formatSpan } from "@veritas/shared/time.ts";
import { Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import type { AttemptView } from "../types.ts";
import { resultTexts as texts } from "./texts.ts";

const SECOND_MS = 1_000;

export function LateAnswers({ attempt }: { attempt: AttemptView }): JSX.Element | null {
  if (attempt.late.length === 0) return null;
  const numbers = new Map(attempt.items.map(({ item }, index) => [item, index + 1]));
  const rows = attempt.late.map(({ item, late_ms }) => ({
    number: numbers.get(item) ?? 0,
    span: formatSpan(Math.max(SECOND_MS, late_ms)),
  }));
  return (
    <Notice tone="warning">
      {rows
        .sort((a, b) => a.number - b.number)
        .map(({ number, span }) => (
          <p key={number}>{texts.late(number, span)}</p>
        ))}
    </Notice>
  );
}
