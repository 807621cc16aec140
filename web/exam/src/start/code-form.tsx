// Signing in with the code for one exam.
import { usePatience } from "@veritas/shared/sign-in/use-patience.tsx";
import { Button, Field } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { api } from "../login.ts";
import { signInTexts as texts } from "../texts.ts";
import { SignInError } from "./sign-in-error.tsx";
import { useSubmit } from "./use-submit.ts";

export function CodeForm(): JSX.Element {
  const code = useSignal("");
  const patience = usePatience({ untilAllowed: false });
  const form = useSubmit(() => patience.send((signal) => api.loginByCode(code.value, signal)));
  const isMissing = form.wasTried && code.value.trim() === "";
  return (
    <form class="v-stack" noValidate onSubmit={(event) => form.submit(event, code.value.trim() !== "")}>
      <Field label={texts.code} help={texts.codeHelp} error={isMissing ? texts.codeMissing : null}>
        {(control) => (
          <input
            {...control}
            class="v-input v-mono x-code"
            value={code.value}
            onInput={(event) => (code.value = event.currentTarget.value)}
            autoComplete="off"
            autoCapitalize="characters"
            spellcheck={false}
            maxLength={64}
          />
        )}
      </Field>
      <SignInError error={form.error} wrong={texts.codeWrong} />
      {patience.notice}
      <Button type="submit" variant="primary" busy={form.isBusy}>
        {texts.submit}
      </Button>
    </form>
  );
}
