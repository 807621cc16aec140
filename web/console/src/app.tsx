/** The console: signs the user in, then shows the page of the current address. No page is shown before the sign-in. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { errorText } from "@veritas/shared/api.ts";
import { followLinks, go, path } from "@veritas/shared/route.ts";
import { Button, Notice, Shell, SignedInAs, Spinner, announce } from "@veritas/shared/ui/index.ts";
import { AccountPage } from "./account/account-page.tsx";
import { BRAND } from "./shell/brand.ts";
import { Navigation } from "./shell/navigation.tsx";
import { renderRoute } from "./shell/routes.tsx";
import { SignInPage } from "./shell/sign-in-page.tsx";
import { disconnect, login } from "./state.ts";
import { ACCOUNT, COMMON, NAVIGATION } from "./texts/shell.ts";
import { Page } from "./ui/page.tsx";

export function App(): JSX.Element {
  const failed = useSignal<string | null>(null);
  const resume = (): void => {
    failed.value = null;
    login.resume().catch((error: unknown) => {
      failed.value = errorText(error);
    });
  };
  useEffect(resume, []);
  // The tabs of the setup are one page: the focus stays on the tabs.
  const page = path.value.replace(/\/setup\/[^/]*$/, "/setup");
  useEffect(() => {
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [page]);

  const user = login.user.value;
  if (login.state.value === "unknown") return <ResumePage failed={failed.value} onRetry={resume} />;
  if (user === null) return <SignInPage />;
  if (user.role !== "teacher" && user.role !== "admin") return <StudentPage name={user.name} />;
  return (
    <Shell
      brand={BRAND}
      onClick={followLinks("/console")}
      nav={login.needsSecondFactor.value ? null : <Navigation isAdmin={user.role === "admin"} />}
      end={
        <SignedInAs
          name={user.name}
          onLogout={() => void signOut()}
          account={{ href: "/console/account", label: ACCOUNT.link(user.name) }}
        />
      }
    >
      {login.needsSecondFactor.value ? <AccountPage /> : renderRoute(path.value)}
    </Shell>
  );
}

async function signOut(): Promise<void> {
  disconnect();
  await login.api.logout().catch(() => undefined);
  announce(NAVIGATION.signedOut);
  go("/console", { replace: true });
}

function ResumePage({ failed, onRetry }: { failed: string | null; onRetry: () => void }): JSX.Element {
  return (
    <Shell brand={BRAND}>
      <Page title={COMMON.product}>
        {failed === null ? (
          <Spinner label={NAVIGATION.resuming} />
        ) : (
          <Notice tone="warning" role="alert">
            <div class="v-spread">
              {failed}
              <Button size="small" onClick={onRetry}>
                {COMMON.tryAgain}
              </Button>
            </div>
          </Notice>
        )}
      </Page>
    </Shell>
  );
}

/** Shown to a student, who has no pages in the console. */
function StudentPage({ name }: { name: string }): JSX.Element {
  return (
    <Shell brand={BRAND} end={<SignedInAs name={name} onLogout={() => void signOut()} />}>
      <Page title={NAVIGATION.forTeachers}>
        <p>
          {NAVIGATION.signedInAsStudent} <a href="/exam">{NAVIGATION.examPage}</a>.
        </p>
      </Page>
    </Shell>
  );
}
