// The name of the signed-in user, and the button to sign out.
import type { JSX } from "preact";
import { texts } from "../../texts.ts";
import { Button } from "../controls/button.tsx";
import { Icon } from "../display/icon.tsx";

interface SignedInAsProps {
  name: string;
  onLogout: () => void;
  /** The page about the user's account, with the text of its link for screen readers. */
  account?: { href: string; label: string };
}

export function SignedInAs({ name, onLogout, account }: SignedInAsProps): JSX.Element {
  return (
    <>
      {account === undefined ? (
        <span class="v-soft v-small v-truncate" dir="auto">
          {name}
        </span>
      ) : (
        <a class="v-small v-truncate" dir="auto" href={account.href} aria-label={account.label}>
          {name}
        </a>
      )}
      <Button variant="quiet" size="small" onClick={onLogout}>
        <Icon name="out" size={16} /> {texts.signOut}
      </Button>
    </>
  );
}
