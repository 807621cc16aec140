/** Creates a user with an initial password. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Field, toast } from "@veritas/shared/ui/index.ts";
import { useFormAction } from "../rest/action.ts";
import { api } from "../state.ts";
import { USERS } from "../texts/admin.ts";
import { ErrorNotice } from "../ui/error-notice.tsx";
import { ROLES } from "./roles.ts";

const FIELDS = ["username", "name", "password", "role"];

export function NewUserForm({ onCreated }: { onCreated: () => void }): JSX.Element {
  const fields = useSignal({ username: "", name: "", password: "", role: "teacher" });
  const { busy, errors, run } = useFormAction(FIELDS);
  const set = (changes: Partial<typeof fields.value>): void => {
    fields.value = { ...fields.value, ...changes };
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(async () => {
      await api.post("/admin/users", fields.value);
      toast(USERS.created(fields.value.name), "good");
      onCreated();
    });
  };
  const errorOf = (name: string): string | undefined => errors.value.fields.get(name);
  return (
    <form class="v-stack" onSubmit={submit}>
      <ErrorNotice text={errors.value.general} />
      <Field label={USERS.username} error={errorOf("username")}>
        {(control) => (
          <input
            {...control}
            autocomplete="off"
            required
            value={fields.value.username}
            onInput={(event) => set({ username: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={USERS.name} error={errorOf("name")}>
        {(control) => (
          <input
            {...control}
            autocomplete="off"
            required
            value={fields.value.name}
            onInput={(event) => set({ name: event.currentTarget.value })}
          />
        )}
      </Field>
      <PasswordField
        value={fields.value.password}
        error={errorOf("password")}
        onChange={(password) => set({ password })}
      />
      <RoleField value={fields.value.role} error={errorOf("role")} onChange={(role) => set({ role })} />
      <div>
        <Button variant="primary" type="submit" busy={busy.value}>
          {USERS.create}
        </Button>
      </div>
    </form>
  );
}

interface FieldProps {
  value: string;
  error: string | undefined;
  onChange: (value: string) => void;
}

function PasswordField({ value, error, onChange }: FieldProps): JSX.Element {
  return (
    <Field label={USERS.password} error={error}>
      {(control) => (
        <input
          {...control}
          type="password"
          autocomplete="new-password"
          required
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function RoleField({ value, error, onChange }: FieldProps): JSX.Element {
  return (
    <Field label={USERS.role} error={error}>
      {(control) => (
        <select {...control} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {USERS.roles[role]}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
