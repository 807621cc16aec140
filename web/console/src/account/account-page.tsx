/** The user's own account: password, second factor, and where the user is signed in. */

import type { JSX } from "preact";
import { user } from "../state.ts";
import { ACCOUNT } from "../texts/shell.ts";
import { Page } from "../ui/page.tsx";
import { PasswordCard } from "./password-card.tsx";
import { SessionsCard } from "./sessions-card.tsx";
import { TotpCard } from "./totp-card.tsx";

export function AccountPage(): JSX.Element {
  return (
    <Page title={ACCOUNT.title} about={<p class="v-soft v-mono">{user.value?.username}</p>}>
      <TotpCard />
      <PasswordCard />
      <SessionsCard />
    </Page>
  );
}
