/** Changes the user's password. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, toast } from "@veritas/shared/ui/index.ts";
import { useFormAction } from "../rest/action.ts";
import { api } from "../state.ts";
import { PASSWORD } from "../texts/shell.ts";
import { ErrorNotice } from "../ui/error-notice.tsx";
import { SecretField } from "./secret-field.tsx";

const FIELDS = ["old_password", "new_password"];

export function PasswordCard(): JSX.Element {
  const old = useSignal("");
  const next = useSignal("");
  const { busy, errors, run } = useFormAction(FIELDS);
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(async () => {
      await api.post("/auth/password", { old_password: old.value, new_password: next.value });
      old.value = "";
      next.value = "";
      toast(PASSWORD.changed, "good");
    });
  };
  const errorOf = (name: string): string | undefined => errors.value.fields.get(name);
  return (
    <form class="v-card v-stack" onSubmit={submit}>
      <h2>{PASSWORD.title}</h2>
      <ErrorNotice text={errors.value.general} />
      <SecretField label={PASSWORD.old} value={old} kind="current-password" error={errorOf("old_password")} />
      <SecretField
        label={PASSWORD.next}
        value={next}
        kind="new-password"
        help={PASSWORD.help}
        error={errorOf("new_password")}
      />
      <div>
        <Button variant="primary" type="submit" busy={busy.value}>
          {PASSWORD.submit}
        </Button>
      </div>
    </form>
  );
}
