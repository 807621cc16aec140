/** A field for a password or a code. */

import type { Signal } from "@preact/signals";
import type { JSX, TargetedInputEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Field } from "@veritas/shared/ui/index.ts";

interface SecretFieldProps {
  label: string;
  value: Signal<string>;
  kind: "current-password" | "new-password" | "one-time-code";
  help?: string;
  error?: string | undefined;
  /** Whether the field takes the focus when it appears. */
  focus?: boolean;
}

export function SecretField({ label, value, kind, help, error, focus = false }: SecretFieldProps): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focus) input.current?.focus();
  }, []);
  const onInput = (event: TargetedInputEvent<HTMLInputElement>): void => {
    value.value = event.currentTarget.value;
  };
  const common = { ref: input, autocomplete: kind, spellcheck: false, required: true, value, onInput };
  return (
    <Field label={label} error={error} {...(help === undefined ? {} : { help })}>
      {(control) =>
        kind === "one-time-code" ? (
          <input {...control} {...common} />
        ) : (
          <input {...control} {...common} type="password" />
        )
      }
    </Field>
  );
}
