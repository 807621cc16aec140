/**
 * The user whose pages are open. When the session ends the user stays, so that the pages keep what was typed, and requests
 * wait for the same user to sign in again. It must never let the requests of one user continue as another user.
 */

import { type ReadonlySignal, effect, signal } from "@preact/signals";
import type { Granted } from "@veritas/shared/api.ts";
import type { Login } from "@veritas/shared/login.ts";

type User = Granted["user"];

export interface KeptUser {
  readonly user: ReadonlySignal<User | null>;
  /** The user leaves: show the sign-in page, and refuse the requests that wait. */
  readonly forget: () => void;
  /** Wait until the session goes on. Resolves with false if another user signs in, or the user leaves. */
  readonly signInAgain: () => Promise<boolean>;
}

export function keepUser(login: Pick<Login, "user">): KeptUser {
  const user = signal<User | null>(null);
  let waiting: ((isSame: boolean) => void)[] = [];
  const finish = (isSame: boolean): void => {
    const waited = waiting;
    waiting = [];
    for (const resolve of waited) resolve(isSame);
  };
  effect(() => {
    const now = login.user.value;
    if (now === null) return;
    const isSame = now.id === user.peek()?.id;
    user.value = now;
    finish(isSame);
  });
  return {
    user,
    forget: () => {
      user.value = null;
      finish(false);
    },
    signInAgain: () =>
      user.peek() === null ? Promise.resolve(false) : new Promise((resolve) => waiting.push(resolve)),
  };
}
