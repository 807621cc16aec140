/** The user's second factor: set it up with an authenticator app, or remove it. A secret is shown once and kept nowhere. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Notice } from "@veritas/shared/ui/index.ts";
import { useLoad } from "../rest/load.ts";
import type { NewSecondFactor, SecondFactorView } from "../rest/types.ts";
import { login } from "../state.ts";
import { TOTP } from "../texts/shell.ts";
import { Loaded } from "../ui/loaded.tsx";
import { BeginForm, ConfirmForm, RemoveForm } from "./totp-forms.tsx";
import { RecoveryCodes } from "./recovery-codes.tsx";

type Step = { at: "start" } | { at: "confirm"; secret: NewSecondFactor } | { at: "recovery"; codes: string[] };

export function TotpCard(): JSX.Element {
  const state = useLoad<SecondFactorView>("/auth/totp");
  const step = useSignal<Step>({ at: "start" });
  const restart = (): void => {
    step.value = { at: "start" };
    state.reload();
    // Renews the access token: an administrator who had to do this first can now use the other pages.
    void login.resume().catch(() => undefined);
  };
  const current = step.value;
  return (
    <section class="v-card v-stack">
      <h2>{TOTP.title}</h2>
      {current.at === "recovery" ? (
        <RecoveryCodes codes={current.codes} onStored={restart} />
      ) : current.at === "confirm" ? (
        <ConfirmForm secret={current.secret} onConfirmed={(codes) => (step.value = { at: "recovery", codes })} />
      ) : (
        <Loaded from={state} what={TOTP.what}>
          {(view) =>
            view.is_active ? (
              <>
                <p>
                  {TOTP.active} {TOTP.codesLeft(view.recovery_codes_left)}
                </p>
                <RemoveForm onRemoved={restart} />
              </>
            ) : (
              <>
                {view.is_required ? <Notice tone="warning">{TOTP.required}</Notice> : null}
                <p>{TOTP.about}</p>
                <BeginForm onBegun={(secret) => (step.value = { at: "confirm", secret })} />
              </>
            )
          }
        </Loaded>
      )}
    </section>
  );
}
