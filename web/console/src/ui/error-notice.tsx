/** The text of an error, announced to screen readers; nothing without one. */

import type { JSX } from "preact";
import { Notice } from "@veritas/shared/ui/index.ts";

interface ErrorNoticeProps {
  text: string | null;
  tone?: "critical" | "warning";
}

export function ErrorNotice({ text, tone = "critical" }: ErrorNoticeProps): JSX.Element | null {
  if (text === null) return null;
  return (
    <Notice tone={tone} role="alert">
      {text}
    </Notice>
  );
}
