// Signing in again during the exam. The answers stay on the page behind it.
import { Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { login } from "../login.ts";
import type { ExamSession } from "../session/session.ts";
import { SignIn } from "../start/sign-in.tsx";
import { examTexts as texts } from "../texts.ts";

export function SignInAgain({ session }: { session: ExamSession }): JSX.Element {
  const isOut = login.state.value === "out";
  useEffect(() => {
    if (!isOut) session.proctor.signedInAgain();
  }, [isOut]);
  return (
    <Notice tone="warning" role="alert">
      <p>{texts.signedOut}</p>
      {isOut && (
        <details class="x-again">
          <summary>{texts.signInAgain}</summary>
          <SignIn />
        </details>
      )}
    </Notice>
  );
}
