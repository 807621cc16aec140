// The name of the signed-in user, and the button to sign out.
import type { JSX } from "preact";
import { texts } from "../../texts.ts";
import { Button } from "../controls/button.tsx";
import { Icon } from "../display/icon.tsx";

export function SignedInAs({ name, onLogout }: { name: string; onLogout: () => void }): JSX.Element {
  return (
    <>
      <span class="v-soft v-small v-truncate" dir="auto">
        {name}
      </span>
      <Button variant="quiet" size="small" onClick={onLogout}>
        <Icon name="out" size={16} /> {texts.signOut}
      </Button>
    </>
  );
}
