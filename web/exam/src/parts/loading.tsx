// Loading something for a view: the wait, the failure, and the way to try again.
import { errorText, isTemporary } from "@veritas/shared/api.ts";
import { Button, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { toList } from "../router.ts";

/** Do something at start and again on demand; what is loading, and what went wrong, is shown by `Loading`. */
export function useLoad<T>(
  load: () => Promise<T>,
  key: string,
): { value: T | null; error: unknown; again: () => void } {
  const value = useSignal<T | null>(null);
  const error = useSignal<unknown>(null);
  const round = useSignal(0);
  useEffect(() => {
    let isCurrent = true;
    value.value = null;
    error.value = null;
    load().then(
      (loaded) => {
        if (isCurrent) value.value = loaded;
      },
      (reason: unknown) => {
        if (isCurrent) error.value = reason;
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [key, round.value]);
  return { value: value.value, error: error.value, again: () => (round.value += 1) };
}

export function Loading({ error, again, label }: { error: unknown; again: () => void; label: string }): JSX.Element {
  useEffect(() => {
    if (!isTemporary(error)) return;
    const timer = setTimeout(again, 5_000);
    return () => clearTimeout(timer);
  }, [error]);
  if (error === null) return <Spinner label={label} />;
  return (
    <div class="v-stack">
      <Notice tone="critical" role="alert">
        <p>{errorText(error)}</p>
        {isTemporary(error) && <p class="v-small">It is tried again every few seconds.</p>}
      </Notice>
      <div class="v-row">
        <Button variant="primary" onClick={again}>
          Try again
        </Button>
        {!isTemporary(error) && <Button onClick={toList}>Back to your exams</Button>}
      </div>
    </div>
  );
}
