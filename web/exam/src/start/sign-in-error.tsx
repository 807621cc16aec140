// Why a sign-in failed.
import { errorText, Problem } from "@veritas/shared/api.ts";
import { Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";

/** `wrong` is the text for a code or password that is not valid. */
export function SignInError({ error, wrong }: { error: unknown; wrong: string }): JSX.Element | null {
  if (error === null) return null;
  const isRefused = error instanceof Problem && (error.status === 401 || error.status === 400);
  // An account with a second factor signs in on the console; the hub's text says what is missing.
  const isWrong = isRefused && !error.code.startsWith("totp_");
  return (
    <Notice tone="critical" role="alert">
      {isWrong ? wrong : errorText(error)}
    </Notice>
  );
}
