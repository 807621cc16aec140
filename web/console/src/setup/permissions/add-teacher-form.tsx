/** Gives another teacher access to an exam by username. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Field } from "@veritas/shared/ui/index.ts";
import { PERMISSIONS } from "../../texts/setup.ts";

interface AddTeacherFormProps {
  busy: boolean;
  /** Returns whether the teacher was added. */
  onAdd: (username: string) => Promise<boolean>;
}

export function AddTeacherForm({ busy, onAdd }: AddTeacherFormProps): JSX.Element {
  const username = useSignal("");
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const typed = username.value.trim();
    if (typed !== "" && (await onAdd(typed))) username.value = "";
  };
  return (
    <form class="v-card c-inline-form" onSubmit={(event) => void submit(event)}>
      <Field label={PERMISSIONS.username} help={PERMISSIONS.usernameHelp}>
        {(control) => (
          <input
            {...control}
            autocapitalize="none"
            autocomplete="off"
            value={username.value}
            onInput={(event) => (username.value = event.currentTarget.value)}
          />
        )}
      </Field>
      <Button type="submit" busy={busy}>
        {PERMISSIONS.add}
      </Button>
    </form>
  );
}
