/** The sign-in page. The password is sent to the hub and stored nowhere. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Problem, errorText } from "@veritas/shared/api.ts";
import { usePatience } from "@veritas/shared/sign-in/use-patience.tsx";
import { Button, Field, Shell } from "@veritas/shared/ui/index.ts";
import { SecretField } from "../account/secret-field.tsx";
import { useAction } from "../rest/action.ts";
import { login } from "../state.ts";
import { COMMON, NAVIGATION, SECOND_STEP, SIGN_IN } from "../texts/shell.ts";
import { ErrorNotice } from "../ui/error-notice.tsx";
import { BRAND } from "./brand.ts";

export function SignInPage(): JSX.Element {
  useEffect(() => {
    document.title = `${SIGN_IN.title} · ${COMMON.product}`;
  }, []);
  return (
    <Shell brand={BRAND}>
      <div class="v-page v-narrow">
        <SignInForm>
          <h1>{SIGN_IN.title}</h1>
          <p class="v-soft">
            {SIGN_IN.about} <a href="/exam">{NAVIGATION.examPage}</a>.
          </p>
        </SignInForm>
      </div>
    </Shell>
  );
}

const needsCode = (error: unknown): boolean => error instanceof Problem && error.code.startsWith("totp_");

function explain(error: unknown): string {
  return error instanceof Problem && error.status === 401 && !needsCode(error) ? SIGN_IN.wrong : errorText(error);
}

/** The state of the form, and its request. The code is asked for when the hub needs it. */
function useSignIn(name: string) {
  const username = useSignal(name);
  const password = useSignal("");
  const code = useSignal("");
  const asksForCode = useSignal(false);
  const { busy, failed, run } = useAction(explain);
  const patience = usePatience({ untilAllowed: true });
  const submit = (event: Event): void => {
    event.preventDefault();
    void run(async () => {
      const totp = asksForCode.value ? code.value.trim() : null;
      try {
        await patience.send((signal) => login.api.login(username.value.trim(), password.value, totp, signal));
      } catch (error) {
        const isFirst = needsCode(error) && !asksForCode.value;
        asksForCode.value = needsCode(error);
        // The first request for the code is no error.
        if (!isFirst) throw error;
      }
    });
  };
  return { username, password, code, asksForCode, busy, failed, submit, waiting: patience.notice };
}

interface SignInFormProps {
  /** Who signs in again. */
  name?: string;
  /** The heading and what it says. */
  children: ComponentChildren;
}

export function SignInForm({ name = "", children }: SignInFormProps): JSX.Element {
  const { username, password, code, asksForCode, busy, failed, submit, waiting } = useSignIn(name);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <form class="v-card v-stack c-sign-in" onSubmit={submit}>
      <div>{children}</div>
      <ErrorNotice text={failed.value} />
      <Field label={SIGN_IN.username}>
        {(control) => (
          <input
            {...control}
            {...(name === "" ? { ref: first } : {})}
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            value={username}
            onInput={(event) => (username.value = event.currentTarget.value)}
          />
        )}
      </Field>
      <Field label={SIGN_IN.password}>
        {(control) => (
          <input
            {...control}
            {...(name === "" ? {} : { ref: first })}
            type="password"
            name="password"
            autocomplete="current-password"
            required
            value={password}
            onInput={(event) => (password.value = event.currentTarget.value)}
          />
        )}
      </Field>
      {asksForCode.value && (
        <SecretField label={SECOND_STEP.code} value={code} kind="one-time-code" help={SECOND_STEP.help} focus />
      )}
      {waiting}
      <Button variant="primary" type="submit" busy={busy.value}>
        {SIGN_IN.submit}
      </Button>
    </form>
  );
}
