/** Why something was not loaded, and a button to try again where that can help. */

import type { JSX } from "preact";
import { Problem, errorText } from "@veritas/shared/api.ts";
import { Button, Notice } from "@veritas/shared/ui/index.ts";
import { COMMON, ERRORS } from "../texts/shell.ts";

export function LoadError({ error, onRetry }: { error: unknown; onRetry: () => void }): JSX.Element {
  const status = error instanceof Problem ? error.status : null;
  const isFinal = status === 403 || status === 404;
  const text = status === 404 ? ERRORS.notFound : status === 403 ? ERRORS.forbidden : errorText(error);
  return (
    <Notice tone={isFinal ? "info" : "critical"} role="alert">
      <div class="v-spread">
        <span>{text}</span>
        {!isFinal && (
          <Button size="small" onClick={onRetry}>
            {COMMON.tryAgain}
          </Button>
        )}
      </div>
    </Notice>
  );
}
