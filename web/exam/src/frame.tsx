// The frame of every view except the running exam.
import { Shell, SignedInAs } from "@veritas/shared/ui/index.ts";
import type { ComponentChildren, JSX } from "preact";
import { api, login } from "./login.ts";
import { toList } from "./router.ts";
import { texts } from "./texts.ts";

interface Props {
  children: ComponentChildren;
  /** Shows the signed-in user. */
  isSignedIn?: boolean;
}

export function Frame({ children, isSignedIn = false }: Props): JSX.Element {
  const user = isSignedIn && <SignedInAs name={login.user.value?.name ?? ""} onLogout={() => void signOut()} />;
  return (
    <Shell brand={{ href: "/exam", name: texts.pageName }} end={user}>
      <div class="v-page">{children}</div>
    </Shell>
  );
}

async function signOut(): Promise<void> {
  toList();
  await api.logout().catch(() => undefined);
}
