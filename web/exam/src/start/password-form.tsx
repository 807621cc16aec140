// Signing in with username and password.
import { usePatience } from "@veritas/shared/sign-in/use-patience.tsx";
import { Button, Field } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { api } from "../login.ts";
import { signInTexts as texts } from "../texts.ts";
import { SignInError } from "./sign-in-error.tsx";
import { useSubmit } from "./use-submit.ts";

export function PasswordForm(): JSX.Element {
  const username = useSignal("");
  const password = useSignal("");
  const patience = usePatience({ untilAllowed: true });
  const form = useSubmit(() =>
    patience.send((signal) => api.login(username.value.trim(), password.value, null, signal)),
  );
  const isComplete = username.value.trim() !== "" && password.value !== "";
  const missing = (value: string, text: string) => (form.wasTried && value.trim() === "" ? text : null);
  return (
    <form class="v-stack" noValidate onSubmit={(event) => form.submit(event, isComplete)}>
      <Field label={texts.username} error={missing(username.value, texts.usernameMissing)}>
        {(control) => (
          <input
            {...control}
            value={username.value}
            onInput={(event) => (username.value = event.currentTarget.value)}
            autoComplete="username"
            autoCapitalize="none"
            spellcheck={false}
            maxLength={64}
          />
        )}
      </Field>
      <Field label={texts.password} error={missing(password.value, texts.passwordMissing)}>
        {(control) => (
          <input
            {...control}
            type="password"
            value={password.value}
            onInput={(event) => (password.value = event.currentTarget.value)}
            autoComplete="current-password"
            maxLength={256}
          />
        )}
      </Field>
      <SignInError error={form.error} wrong={texts.passwordWrong} />
      {patience.notice}
      <Button type="submit" variant="primary" busy={form.isBusy}>
        {texts.submit}
      </Button>
    </form>
  );
}
