// Signing in: with the code for one exam, or with username and password. What was typed is held only while it is sent.
import { errorText, Problem } from "@veritas/shared/api.ts";
import { Button, Field, Notice, Tabs } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Heading } from "../parts/heading.tsx";
import { api } from "../router.ts";

const WAYS = [
  { key: "code", title: "With a code" },
  { key: "password", title: "With a password" },
] as const;

type Way = (typeof WAYS)[number]["key"];

export function SignIn(): JSX.Element {
  const way = useSignal<Way>("code");
  return (
    <div class="v-narrow v-stack x-signin">
      <Heading title="Sign in">Sign in to your exam</Heading>
      <div class="v-card v-stack">
        <Tabs label="How to sign in" tabs={WAYS} selected={way.value} onSelect={(key) => (way.value = key)}>
          {way.value === "code" ? <ByCode /> : <ByPassword />}
        </Tabs>
      </div>
      <p class="v-soft v-small">Nothing is recorded before you have read what will be, and have agreed to begin.</p>
    </div>
  );
}

function ByCode(): JSX.Element {
  const code = useSignal("");
  const send = useSending(() => api.loginByCode(code.value));
  const isMissing = send.wasTried && code.value.trim() === "";
  return (
    <form class="v-stack" noValidate onSubmit={(event) => send.submit(event, code.value.trim() !== "")}>
      <Field
        label="Your code"
        hint="As it was given to you, for example 7K2M-9QXA-04RT-B6WE. Spaces and capitals do not matter."
        error={isMissing ? "Please enter your code." : null}
      >
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
      <Outcome error={send.error} what="code" />
      <Button type="submit" variant="primary" busy={send.isBusy}>
        Sign in
      </Button>
    </form>
  );
}

function ByPassword(): JSX.Element {
  const username = useSignal("");
  const password = useSignal("");
  const send = useSending(() => api.login(username.value.trim(), password.value));
  const missing = (value: string, what: string) =>
    send.wasTried && value.trim() === "" ? `Please enter your ${what}.` : null;
  return (
    <form
      class="v-stack"
      noValidate
      onSubmit={(event) => send.submit(event, username.value.trim() !== "" && password.value !== "")}
    >
      <Field label="Username" error={missing(username.value, "username")}>
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
      <Field label="Password" error={missing(password.value, "password")}>
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
      <Outcome error={send.error} what="username or password" />
      <Button type="submit" variant="primary" busy={send.isBusy}>
        Sign in
      </Button>
    </form>
  );
}

function Outcome({ error, what }: { error: unknown; what: string }): JSX.Element | null {
  if (error === null) return null;
  const isWrong = error instanceof Problem && (error.status === 401 || error.status === 400);
  return (
    <Notice tone="critical" role="alert">
      {isWrong ? `This ${what} is not right. Please check it and try again.` : errorText(error)}
    </Notice>
  );
}

interface Sending {
  isBusy: boolean;
  wasTried: boolean;
  error: unknown;
  submit: (event: Event, isComplete: boolean) => void;
}

function useSending(send: () => Promise<unknown>): Sending {
  const isBusy = useSignal(false);
  const wasTried = useSignal(false);
  const error = useSignal<unknown>(null);
  const submit = (event: Event, isComplete: boolean): void => {
    event.preventDefault();
    wasTried.value = true;
    error.value = null;
    if (!isComplete || isBusy.value) return;
    isBusy.value = true;
    send()
      .catch((reason: unknown) => (error.value = reason))
      .finally(() => (isBusy.value = false));
  };
  return { isBusy: isBusy.value, wasTried: wasTried.value, error: error.value, submit };
}
