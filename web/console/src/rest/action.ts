/** One request that the user starts: whether it runs, and why the last one failed. A second click starts no second request. */

import { type Signal, useSignal } from "@preact/signals";
import { errorText } from "@veritas/shared/api.ts";
import { NO_ERRORS, type FormErrors, formErrors } from "./errors.ts";

export interface Action {
  readonly busy: Signal<boolean>;
  /** The text of the last failure, for the user. */
  readonly failed: Signal<string | null>;
  /** Run `work` unless an earlier run is still busy; its failure is kept in `failed`. */
  readonly run: (work: () => Promise<void>) => Promise<void>;
}

/** Keep the state of one request; `explain` turns its failure into a text. */
export function useAction(explain: (error: unknown) => string = errorText): Action {
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (busy.peek()) return;
    busy.value = true;
    failed.value = null;
    try {
      await work();
    } catch (error) {
      failed.value = explain(error);
    } finally {
      busy.value = false;
    }
  };
  return { busy, failed, run };
}

export interface FormAction {
  readonly busy: Signal<boolean>;
  readonly errors: Signal<FormErrors>;
  readonly run: (work: () => Promise<void>) => Promise<void>;
}

/** Like `useAction`, for a form: failures are sorted by the form's fields. */
export function useFormAction(fields: readonly string[]): FormAction {
  const busy = useSignal(false);
  const errors = useSignal<FormErrors>(NO_ERRORS);
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (busy.peek()) return;
    busy.value = true;
    errors.value = NO_ERRORS;
    try {
      await work();
    } catch (error) {
      errors.value = formErrors(error, fields);
    } finally {
      busy.value = false;
    }
  };
  return { busy, errors, run };
}
