// Loads a value for a view, at its start and again on demand.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

export interface Load<T> {
  /** Null while it loads, and after an error. */
  value: T | null;
  error: unknown;
  again: () => void;
}

/** Call `load` when the view appears and whenever `key` changes; an older result is ignored. */
export function useLoad<T>(load: () => Promise<T>, key: string): Load<T> {
  const value = useSignal<T | null>(null);
  const error = useSignal<unknown>(null);
  const tries = useSignal(0);
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
  }, [key, tries.value]);
  return { value: value.value, error: error.value, again: () => (tries.value += 1) };
}
