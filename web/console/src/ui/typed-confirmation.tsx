/** A field in which the user types a name, to confirm an action that cannot be undone. */

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { Field } from "@veritas/shared/ui/index.ts";
import { COMMON } from "../texts/shell.ts";

interface TypedConfirmationProps {
  /** The name to type. */
  name: string;
  typed: Signal<string>;
}

/** Whether the typed text is the name; spaces around it and the way in which letters are composed do not matter. */
export function isTyped(name: string, typed: string): boolean {
  return typed.normalize("NFC").trim() === name.normalize("NFC").trim();
}

export function TypedConfirmation({ name, typed }: TypedConfirmationProps): JSX.Element {
  return (
    <Field label={COMMON.typeToConfirm} help={<bdi class="v-mono">{name}</bdi>}>
      {(control) => (
        <input
          {...control}
          autocomplete="off"
          spellcheck={false}
          required
          dir="auto"
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
