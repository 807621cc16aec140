/** The overview: running exams, the latest flags, and what is to do. It is fetched again while it is visible. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Empty, Tile } from "@veritas/shared/ui/index.ts";
import { count } from "../format/numbers.ts";
import { useLoad } from "../rest/load.ts";
import type { Dashboard, DashboardExam } from "../rest/types.ts";
import { login, user } from "../state.ts";
import { OVERVIEW } from "../texts/overview.ts";
import { Loaded } from "../ui/loaded.tsx";
import { Page } from "../ui/page.tsx";
import { ExamSection } from "./exam-section.tsx";
import { NewExamLink } from "./new-exam-link.tsx";
import { RecentFlags } from "./recent-flags.tsx";

const RELOAD_MS = 15_000;
const OTHER_EXAMS_SHOWN = 8;

export function DashboardPage(): JSX.Element {
  const loading = useLoad<Dashboard>("/teacher/dashboard");
  useEffect(() => {
    const timer = setInterval(() => {
      // While the user is signed out, requests would wait and pile up.
      if (document.visibilityState === "visible" && login.state.value === "in") loading.reload();
    }, RELOAD_MS);
    return () => clearInterval(timer);
  }, [loading.reload]);
  return (
    <Page title={OVERVIEW.title(user.value?.name ?? "")} actions={<NewExamLink />}>
      <Loaded from={loading} what={OVERVIEW.what}>
        {(data) => <Content data={data} />}
      </Loaded>
    </Page>
  );
}

interface ExamGroups {
  readonly running: readonly DashboardExam[];
  readonly toDo: readonly DashboardExam[];
  readonly others: readonly DashboardExam[];
}

/** Exams that run, exams with something to review or to grade, and all others. */
export function groupExams(exams: readonly DashboardExam[]): ExamGroups {
  const isRunning = (exam: DashboardExam): boolean => exam.running > 0;
  const isToDo = (exam: DashboardExam): boolean => !isRunning(exam) && exam.awaiting_review + exam.awaiting_grade > 0;
  return {
    running: exams.filter(isRunning),
    toDo: exams.filter(isToDo),
    others: exams.filter((exam) => !isRunning(exam) && !isToDo(exam)),
  };
}

function Content({ data }: { data: Dashboard }): JSX.Element {
  const { running, toDo, others } = groupExams(data.exams);
  const { summary } = data;
  return (
    <div class="v-stack-l">
      <div class="c-tiles">
        <Tile
          label={OVERVIEW.inProgress}
          value={summary.running_attempts}
          note={OVERVIEW.examsRunning(count(running.length, "exam"))}
        />
        <Tile label={OVERVIEW.flags} value={summary.open_flags} note={OVERVIEW.flagsNote} />
        <Tile label={OVERVIEW.toGrade} value={summary.awaiting_grade} />
        <Tile label={OVERVIEW.exams} value={summary.exams} />
      </div>
      <ExamSection title={OVERVIEW.runningNow} exams={running} />
      <RecentFlags flags={data.recent_flags} />
      <ExamSection title={OVERVIEW.toDo} exams={toDo} />
      <ExamSection title={OVERVIEW.otherExams} exams={others.slice(0, OTHER_EXAMS_SHOWN)} />
      {data.exams.length === 0 && (
        <div class="v-card">
          <Empty title={OVERVIEW.empty}>
            <p>{OVERVIEW.emptyText}</p>
            <NewExamLink isPrimary />
          </Empty>
        </div>
      )}
    </div>
  );
}
