/** The setup of one exam: details, questions, students, monitoring rules, access, and publishing. */

import type { JSX } from "preact";
import { go } from "@veritas/shared/route.ts";
import { Notice, Tabs } from "@veritas/shared/ui/index.ts";
import { points } from "../format/numbers.ts";
import { type Loading, useLoad } from "../rest/load.ts";
import type { ExamView } from "../rest/types.ts";
import { SETUP } from "../texts/setup.ts";
import { NAVIGATION } from "../texts/shell.ts";
import { ExamNav } from "../ui/exam-nav.tsx";
import { ExamState } from "../ui/values/exam-state.tsx";
import { Loaded } from "../ui/loaded.tsx";
import { Page } from "../ui/page.tsx";
import { DeleteExam } from "./exam/delete-exam.tsx";
import { Details } from "./exam/details.tsx";
import { Items } from "./items/items.tsx";
import { Permissions } from "./permissions/permissions.tsx";
import { Policy } from "./policy/policy.tsx";
import { Publishing } from "./exam/publishing.tsx";
import { Roster } from "./roster/roster.tsx";

/** The keys are parts of the address. */
type Tab = "details" | "questions" | "roster" | "rules" | "people";
const TABS: readonly { key: Tab; title: string }[] = [
  { key: "details", title: SETUP.details },
  { key: "questions", title: SETUP.questions },
  { key: "roster", title: SETUP.roster },
  { key: "rules", title: SETUP.rules },
  { key: "people", title: SETUP.people },
];

export function SetupPage({ examId, tab }: { examId: string; tab: string }): JSX.Element {
  const loading = useLoad<ExamView>(`/exams/${examId}`);
  const exam = loading.state.value.data;
  const selected = TABS.find(({ key }) => key === tab)?.key ?? "details";
  return (
    <Page
      title={exam?.title ?? SETUP.title}
      parents={[["/console/exams", NAVIGATION.exams]]}
      about={
        exam !== null && (
          <div class="v-row-s">
            <ExamState exam={exam} />
          </div>
        )
      }
      actions={exam?.permissions.includes("can_edit") && <Publishing exam={exam} onChange={loading.reload} />}
    >
      <ExamNav examId={examId} current="setup" permissions={exam?.permissions ?? null} />
      {exam !== null && exam.items_version > 0 && exam.passing_score > exam.max_score && (
        <Notice tone="warning">{SETUP.cannotPass(points(exam.passing_score), points(exam.max_score))}</Notice>
      )}
      <Loaded from={loading} what={SETUP.what}>
        {(data) => (
          <div class="c-second">
            <Tabs<Tab>
              label={SETUP.title}
              tabs={TABS}
              selected={selected}
              onSelect={(key) => go(`/console/exams/${examId}/setup/${key}`, { replace: true })}
            >
              <Panel tab={selected} exam={data} loading={loading} />
            </Tabs>
          </div>
        )}
      </Loaded>
    </Page>
  );
}

interface PanelProps {
  tab: Tab;
  exam: ExamView;
  loading: Loading<ExamView>;
}

function Panel({ tab, exam, loading }: PanelProps): JSX.Element {
  const readOnly = !exam.permissions.includes("can_edit");
  switch (tab) {
    case "details":
      return (
        <div class="v-stack">
          <Details exam={exam} readOnly={readOnly} onSaved={loading.put} />
          {!readOnly && <DeleteExam exam={exam} />}
        </div>
      );
    case "questions":
      return <Items examId={exam.exam_id} readOnly={readOnly} onSaved={loading.reload} />;
    case "roster":
      return <Roster exam={exam} readOnly={readOnly} onChange={loading.reload} />;
    case "rules":
      return <Policy examId={exam.exam_id} readOnly={readOnly} />;
    case "people":
      return <Permissions examId={exam.exam_id} />;
  }
}
