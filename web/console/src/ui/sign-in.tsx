/** The way in. What was typed is sent to the hub and kept nowhere. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Problem, errorText } from "@veritas/shared/api.ts";
import { Button, Field, Notice, Shell } from "@veritas/shared/ui/index.ts";
import { session } from "../state.ts";

export function SignIn(): JSX.Element {
  const username = useSignal("");
  const password = useSignal("");
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · Veritas";
    first.current?.focus();
  }, []);
  const enter = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    failed.value = null;
    try {
      await session.api.login(username.value.trim(), password.value);
    } catch (error) {
      const wrong = error instanceof Problem && error.status === 401;
      failed.value = wrong ? "Username and password do not belong together." : errorText(error);
      busy.value = false;
    }
  };
  return (
    <Shell brand={{ href: "/console", name: "Veritas" }}>
      <div class="v-page v-narrow">
        <form class="v-card v-stack c-sign-in" onSubmit={(event) => void enter(event)}>
          <div>
            <h1>Sign in</h1>
            <p class="v-soft">
              The teachers' console. Candidates go to <a href="/exam">the exam page</a>.
            </p>
          </div>
          {failed.value !== null && (
            <Notice tone="critical" role="alert">
              {failed.value}
            </Notice>
          )}
          <Field label="Username">
            {(control) => (
              <input
                {...control}
                ref={first}
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
          <Field label="Password">
            {(control) => (
              <input
                {...control}
                type="password"
                name="password"
                autocomplete="current-password"
                required
                value={password}
                onInput={(event) => (password.value = event.currentTarget.value)}
              />
            )}
          </Field>
          <Button variant="primary" type="submit" busy={busy.value}>
            Sign in
          </Button>
        </form>
      </div>
    </Shell>
  );
}
