/** Shows the recovery codes once. */

import type { JSX } from "preact";
import { Button } from "@veritas/shared/ui/index.ts";
import { TOTP } from "../texts/shell.ts";

export function RecoveryCodes({ codes, onStored }: { codes: readonly string[]; onStored: () => void }): JSX.Element {
  return (
    <div class="v-stack">
      <h3>{TOTP.recoveryTitle}</h3>
      <p>{TOTP.recovery}</p>
      <ul class="v-mono">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div>
        <Button variant="primary" onClick={onStored}>
          {TOTP.stored}
        </Button>
      </div>
    </div>
  );
}
