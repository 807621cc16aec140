// Sends a form once at a time. It must never keep what was typed longer than the request lasts.
import { useSignal } from "@preact/signals";

export interface Submission {
  isBusy: boolean;
  /** Whether the user has tried to send the form: from then on missing fields are shown. */
  wasTried: boolean;
  error: unknown;
  submit: (event: Event, isComplete: boolean) => void;
}

export function useSubmit(send: () => Promise<unknown>): Submission {
  const isBusy = useSignal(false);
  const wasTried = useSignal(false);
  const error = useSignal<unknown>(null);
  const submit = (event: Event, isComplete: boolean): void => {
    event.preventDefault();
    wasTried.value = true;
    error.value = null;
    if (!isComplete || isBusy.value) return;
    isBusy.value = true;
    send()
      .catch((reason: unknown) => (error.value = reason))
      .finally(() => (isBusy.value = false));
  };
  return { isBusy: isBusy.value, wasTried: wasTried.value, error: error.value, submit };
}
