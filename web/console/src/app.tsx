/** The console: signs the user in, then shows the page of the current address. No page is shown before the sign-in. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { type Granted, errorText } from "@veritas/shared/api.ts";
import { followLinks, go, path } from "@veritas/shared/route.ts";
import { Button, Notice, Shell, SignedInAs, Spinner, announce } from "@veritas/shared/ui/index.ts";
import { AccountPage } from "./account/account-page.tsx";
import { BRAND } from "./shell/brand.ts";
import { Navigation } from "./shell/navigation.tsx";
import { renderRoute } from "./shell/routes.tsx";
import { SignInAgain } from "./shell/sign-in-again.tsx";
import { SignInPage } from "./shell/sign-in-page.tsx";
import { disconnect, forget, login, user } from "./state.ts";
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

  const current = user.value;
  if (login.state.value === "unknown") return <ResumePage failed={failed.value} onRetry={resume} />;
  if (current === null) return <SignInPage />;
  if (current.role !== "teacher" && current.role !== "admin") return <StudentPage name={current.name} />;
  // A key: the pages of one user never become those of another.
  return <Pages key={current.id} user={current} />;
}

/** The pages of a teacher or an administrator. They stay behind the dialog while the user signs in again. */
function Pages({ user: { name, role, username } }: { user: Granted["user"] }): JSX.Element {
  return (
    <Shell
      brand={BRAND}
      onClick={followLinks("/console")}
      nav={login.needsSecondFactor.value ? null : <Navigation isAdmin={role === "admin"} />}
      end={
        <SignedInAs
          name={name}
          onLogout={() => void signOut()}
          account={{ href: "/console/account", label: ACCOUNT.link(name) }}
        />
      }
    >
      {login.needsSecondFactor.value ? <AccountPage /> : renderRoute(path.value)}
      {login.state.value === "out" && <SignInAgain username={username} onLeave={() => void signOut()} />}
    </Shell>
  );
}

async function signOut(): Promise<void> {
  disconnect();
  forget();
  await login.api.logout().catch(() => undefined);
  // A renewal that ran meanwhile may have brought the user back.
  forget();
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
