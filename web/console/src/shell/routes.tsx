/** Which page belongs to which address. */

import type { JSX } from "preact";
import { match } from "@veritas/shared/route.ts";
import { AccountPage } from "../account/account-page.tsx";
import { AuditPage } from "../admin/audit-page.tsx";
import { UsersPage } from "../admin/users-page.tsx";
import { DashboardPage } from "../overview/dashboard-page.tsx";
import { ExamsPage } from "../overview/exams-page.tsx";
import { AnalyticsPage } from "../review/analytics/analytics-page.tsx";
import { AttemptPage } from "../review/attempts/attempt-page.tsx";
import { AttemptsPage } from "../review/attempts/attempts-page.tsx";
import { FlagsPage } from "../review/flags/flags-page.tsx";
import { FlaggedPage } from "../review/students/flagged-page.tsx";
import { StudentPage } from "../review/students/student-page.tsx";
import { RoomPage } from "../room/room-page.tsx";
import { NewExamPage } from "../setup/exam/new-exam-page.tsx";
import { SetupPage } from "../setup/setup-page.tsx";
import { NAVIGATION } from "../texts/shell.ts";
import { Page } from "../ui/page.tsx";

type Render = (parameters: Record<string, string>) => JSX.Element;

/** The first that matches is shown. A `key` makes each exam a page with new state. */
const ROUTES: readonly (readonly [pattern: string, render: Render])[] = [
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
  ["/console/account", () => <AccountPage />],
];

export function renderRoute(address: string): JSX.Element {
  for (const [pattern, render] of ROUTES) {
    const parameters = match(pattern, address);
    if (parameters !== null) return render(parameters);
  }
  return (
    <Page title={NAVIGATION.noPage}>
      <p>
        {NAVIGATION.noPageText} <a href="/console">{NAVIGATION.noPageLink}</a>.
      </p>
    </Page>
  );
}
