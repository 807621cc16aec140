// The signed-in user of this page, in memory only. After a reload the page's HttpOnly cookie restores the sign-in.
import { computed, signal } from "@preact/signals";
import { Api, type Granted, type Page } from "./api.ts";

export type LoginState = "unknown" | "out" | "in";

export interface Login {
  api: Api;
  state: { readonly value: LoginState };
  user: { readonly value: Granted["user"] | null };
  /** The only exam that a sign-in with a code gives access to; null for any other sign-in. */
  examId: { readonly value: string | null };
  /** Whether the user must set up a second factor before anything else. */
  needsSecondFactor: { readonly value: boolean };
  /** Restore the sign-in from the browser's cookie. Call once, at start. */
  resume(): Promise<void>;
}

export function createLogin(page: Page, send?: typeof fetch): Login {
  const granted = signal<Granted | null>(null);
  const state = signal<LoginState>("unknown");
  const onChange = (now: Granted | null): void => {
    granted.value = now;
    state.value = now === null ? "out" : "in";
  };
  const api = send === undefined ? new Api(page, onChange) : new Api(page, onChange, send);
  return {
    api,
    state,
    user: computed(() => granted.value?.user ?? null),
    examId: computed(() => granted.value?.exam_id ?? null),
    needsSecondFactor: computed(() => granted.value?.needs_second_factor ?? false),
    async resume() {
      await api.resume();
    },
  };
}
