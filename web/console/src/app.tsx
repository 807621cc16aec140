/** Which page is shown, and to whom. Nobody sees anything but the way in before the hub has said who they are. */

import { useEffect } from "preact/hooks";
import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { followLinks, go, match, path } from "@veritas/shared/route.ts";
import { announce, Button, Notice, Shell, SignedInAs, Spinner } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import { AnalyticsPage } from "./review/analytics/analytics-page.tsx";
import { AttemptPage } from "./review/attempts/attempt-page.tsx";
import { AttemptsPage } from "./review/attempts/attempts-page.tsx";
import { AuditPage } from "./admin/audit-page.tsx";
import { DashboardPage } from "./overview/dashboard-page.tsx";
import { ExamsPage } from "./overview/exams-page.tsx";
import { FlaggedPage } from "./review/students/flagged-page.tsx";
import { FlagsPage } from "./review/flags/flags-page.tsx";
import { NewExamPage } from "./setup/exam/new-exam-page.tsx";
import { RoomPage } from "./room/room-page.tsx";
import { SetupPage } from "./setup/setup-page.tsx";
import { SignIn } from "./ui/sign-in.tsx";
import { StudentPage } from "./review/students/student-page.tsx";
import { UsersPage } from "./admin/users-page.tsx";
import { Page } from "./ui/page.tsx";
import { hangUp, session } from "./state.ts";

type Draw = (named: Record<string, string>) => JSX.Element;

/** The first that matches is shown; `key` makes another exam another page. */
const ROUTES: readonly (readonly [pattern: string, draw: Draw])[] = [
  ["/console", () => <DashboardPage />],
  ["/console/exams", () => <ExamsPage />],
  ["/console/exams/new", () => <NewExamPage />],
  ["/console/exams/:exam", ({ exam = "" }) => <RoomPage key={exam} examId={exam} />],
  ["/console/exams/:exam/setup", ({ exam = "" }) => <SetupPage key={exam} examId={exam} tab="details" />],
  ["/console/exams/:exam/setup/:tab", ({ exam = "", tab = "" }) => <SetupPage key={exam} examId={exam} tab={tab} />],
  ["/console/exams/:exam/attempts", ({ exam = "" }) => <AttemptsPage key={exam} examId={exam} />],
  ["/console/exams/:exam/flags", ({ exam = "" }) => <FlagsPage key={exam} examId={exam} />],
  ["/console/exams/:exam/analytics", ({ exam = "" }) => <AnalyticsPage key={exam} examId={exam} />],
  ["/console/attempts/:attempt", ({ attempt = "" }) => <AttemptPage key={attempt} attemptId={attempt} />],
  ["/console/students/:student", ({ student = "" }) => <StudentPage key={student} studentId={student} />],
  ["/console/flagged", () => <FlaggedPage />],
  ["/console/users", () => <UsersPage />],
  ["/console/audit", () => <AuditPage />],
];

export function App(): JSX.Element {
  const failed = useSignal<string | null>(null);
  const resume = (): void => {
    failed.value = null;
    session.resume().catch((error: unknown) => {
      failed.value = errorText(error);
    });
  };
  useEffect(resume, []);
  // The tabs of a setup are one page: the focus stays with them.
  const page = path.value.replace(/\/setup\/[^/]*$/, "/setup");
  useEffect(() => {
    // A new page is begun at its beginning, by eye and by ear.
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [page]);

  const state = session.state.value;
  const user = session.user.value;
  if (state === "unknown") {
    return (
      <Shell brand={BRAND}>
        <Page title="Veritas">
          {failed.value === null ? (
            <Spinner label="Looking for your session…" />
          ) : (
            <Notice tone="warning" role="alert">
              <div class="v-spread">
                {failed.value}
                <Button size="small" onClick={resume}>
                  Try again
                </Button>
              </div>
            </Notice>
          )}
        </Page>
      </Shell>
    );
  }
  if (user === null) return <SignIn />;
  if (user.role !== "teacher" && user.role !== "admin") return <WrongDoor />;
  return (
    <Shell
      brand={BRAND}
      onClick={followLinks("/console")}
      nav={<Navigation isAdmin={user.role === "admin"} />}
      end={<SignedInAs name={user.name} onLogout={() => void signOut()} />}
    >
      {draw(path.value)}
    </Shell>
  );
}

export const BRAND = { href: "/console", name: "Veritas" };

async function signOut(): Promise<void> {
  hangUp();
  await session.api.logout().catch(() => undefined);
  announce("You are signed out.");
  go("/console", { replace: true });
}

function draw(at: string): JSX.Element {
  for (const [pattern, make] of ROUTES) {
    const named = match(pattern, at);
    if (named !== null) return make(named);
  }
  return (
    <Page title="No such page">
      <p>
        There is nothing at this address. Go to <a href="/console">the overview</a>.
      </p>
    </Page>
  );
}

function Navigation({ isAdmin }: { isAdmin: boolean }): JSX.Element {
  const links: [string, string][] = [
    ["/console", "Overview"],
    ["/console/exams", "Exams"],
    ["/console/flagged", "Flagged students"],
  ];
  if (isAdmin) links.push(["/console/users", "Users"], ["/console/audit", "Audit log"]);
  const at = path.value;
  return (
    <>
      {links.map(([href, name]) => {
        const here =
          href === "/console" ? at === "/console" || at === "/console/" : at === href || at.startsWith(`${href}/`);
        return (
          <a key={href} href={href} aria-current={at === href ? "page" : here ? "true" : undefined}>
            {name}
          </a>
        );
      })}
    </>
  );
}

function WrongDoor(): JSX.Element {
  return (
    <Shell brand={BRAND} end={<SignedInAs name={session.user.value?.name ?? ""} onLogout={() => void signOut()} />}>
      <Page title="This is the teachers' console">
        <p>
          You are signed in as a student. Your exams are on <a href="/exam">the exam page</a>.
        </p>
      </Page>
    </Shell>
  );
}
