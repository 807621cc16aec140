/** The forms of the second factor: begin with the password, confirm with the first code, remove with both. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { Button, toast } from "@veritas/shared/ui/index.ts";
import { type FormAction, useFormAction } from "../rest/action.ts";
import type { NewSecondFactor, RecoveryCodes } from "../rest/types.ts";
import { api } from "../state.ts";
import { TOTP } from "../texts/shell.ts";
import { ErrorNotice } from "../ui/error-notice.tsx";
import { QrCode } from "./qr-code.tsx";
import { SecretField } from "./secret-field.tsx";

interface FormProps {
  action: FormAction;
  submit: string;
  variant?: "primary" | "danger";
  work: () => Promise<void>;
  children: ComponentChildren;
}

function Form({ action, submit, variant = "primary", work, children }: FormProps): JSX.Element {
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    void action.run(work);
  };
  return (
    <form class="v-stack" onSubmit={onSubmit}>
      <ErrorNotice text={action.errors.value.general} />
      {children}
      <div>
        <Button variant={variant} type="submit" busy={action.busy.value}>
          {submit}
        </Button>
      </div>
    </form>
  );
}

export function BeginForm({ onBegun }: { onBegun: (secret: NewSecondFactor) => void }): JSX.Element {
  const password = useSignal("");
  const action = useFormAction(["password"]);
  const begin = async (): Promise<void> => {
    onBegun(await api.post<NewSecondFactor>("/auth/totp", { password: password.value }));
  };
  return (
    <Form action={action} submit={TOTP.begin} work={begin}>
      <SecretField
        label={TOTP.password}
        value={password}
        kind="current-password"
        error={action.errors.value.fields.get("password")}
      />
    </Form>
  );
}

interface ConfirmProps {
  secret: NewSecondFactor;
  onConfirmed: (codes: string[]) => void;
}

export function ConfirmForm({ secret, onConfirmed }: ConfirmProps): JSX.Element {
  const code = useSignal("");
  const action = useFormAction(["code"]);
  const confirm = async (): Promise<void> => {
    onConfirmed((await api.post<RecoveryCodes>("/auth/totp/confirm", { code: code.value })).recovery_codes);
  };
  return (
    <Form action={action} submit={TOTP.confirm} work={confirm}>
      <p>{TOTP.scan}</p>
      <QrCode text={secret.uri} label={TOTP.qr} />
      <p>
        {TOTP.key}: <span class="v-mono">{secret.secret}</span>
      </p>
      <SecretField
        label={TOTP.firstCode}
        value={code}
        kind="one-time-code"
        error={action.errors.value.fields.get("code")}
      />
    </Form>
  );
}

export function RemoveForm({ onRemoved }: { onRemoved: () => void }): JSX.Element {
  const password = useSignal("");
  const code = useSignal("");
  const action = useFormAction(["password", "code"]);
  const remove = async (): Promise<void> => {
    await api.post("/auth/totp/remove", { password: password.value, code: code.value });
    toast(TOTP.removed, "good");
    onRemoved();
  };
  const errorOf = (name: string): string | undefined => action.errors.value.fields.get(name);
  return (
    <Form action={action} submit={TOTP.remove} variant="danger" work={remove}>
      <SecretField label={TOTP.password} value={password} kind="current-password" error={errorOf("password")} />
      <SecretField label={TOTP.code} value={code} kind="one-time-code" error={errorOf("code")} />
    </Form>
  );
}
