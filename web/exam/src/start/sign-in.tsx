// Signing in: with the code for one exam, or with username and password.
import { Tabs } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Heading } from "../parts/heading.tsx";
import { signInTexts as texts } from "../texts.ts";
import { CodeForm } from "./code-form.tsx";
import { PasswordForm } from "./password-form.tsx";

const WAYS = [
  { key: "code", title: texts.withCode },
  { key: "password", title: texts.withPassword },
] as const;

type Way = (typeof WAYS)[number]["key"];

export function SignIn(): JSX.Element {
  const way = useSignal<Way>("code");
  return (
    <div class="v-narrow v-stack x-signin">
      <Heading title={texts.title}>{texts.heading}</Heading>
      <div class="v-card v-stack">
        <Tabs label={texts.ways} tabs={WAYS} selected={way.value} onSelect={(key) => (way.value = key)}>
          {way.value === "code" ? <CodeForm /> : <PasswordForm />}
        </Tabs>
      </div>
      <p class="v-soft v-small">{texts.nothingRecorded}</p>
    </div>
  );
}
