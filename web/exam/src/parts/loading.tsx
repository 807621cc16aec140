// What a view shows while it loads, or when loading failed. A temporary error is tried again by itself.
import { errorText, isTemporary } from "@veritas/shared/api.ts";
import { Button, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { toList } from "../router.ts";
import { texts } from "../texts.ts";

const RETRY_MS = 5_000;

export function Loading({ error, again, label }: { error: unknown; again: () => void; label: string }): JSX.Element {
  const isRetried = isTemporary(error);
  useEffect(() => {
    if (!isRetried) return;
    const timer = setTimeout(again, RETRY_MS);
    return () => clearTimeout(timer);
  }, [error]);
  if (error === null) return <Spinner label={label} />;
  return (
    <div class="v-stack">
      <Notice tone="critical" role="alert">
        <p>{errorText(error)}</p>
        {isRetried && <p class="v-small">{texts.loading.retrying}</p>}
      </Notice>
      <div class="v-row">
        <Button variant="primary" onClick={again}>
          {texts.loading.tryAgain}
        </Button>
        {!isRetried && <Button onClick={toList}>{texts.backToExams}</Button>}
      </div>
    </div>
  );
}
