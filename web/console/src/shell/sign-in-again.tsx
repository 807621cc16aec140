/** Signing in again in front of the open page, which stays as it is. It closes only by signing in, or by leaving. */

import type { JSX } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { Button } from "@veritas/shared/ui/index.ts";
import { SIGN_IN_AGAIN } from "../texts/shell.ts";
import { SignInForm } from "./sign-in-page.tsx";

export function SignInAgain({ username, onLeave }: { username: string; onLeave: () => void }): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    // Closed before it is removed, so that the browser returns the focus to where it was.
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="v-dialog"
      aria-labelledby={id}
      onCancel={(event) => event.preventDefault()}
      onClose={(event) => {
        // A browser closes a dialog on the second Escape.
        if (event.currentTarget.isConnected && !event.currentTarget.open) event.currentTarget.showModal();
      }}
    >
      <SignInForm name={username}>
        <h2 id={id}>{SIGN_IN_AGAIN.title}</h2>
        <p class="v-soft">{SIGN_IN_AGAIN.about}</p>
      </SignInForm>
      <div class="v-dialog-foot">
        <Button variant="quiet" onClick={onLeave}>
          {SIGN_IN_AGAIN.leave}
        </Button>
      </div>
    </dialog>
  );
}
