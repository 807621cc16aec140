/** One exam before it runs: details, questions, roster, rules, people; and publishing it. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { go } from "@veritas/shared/route.ts";
import { Button, Notice, Tabs, toast } from "@veritas/shared/ui/index.ts";
import { useLoad, type Loading } from "../rest/load.ts";
import { ExamForm, type ExamFields } from "./exam/exam-form.tsx";
import { ExamNav } from "../ui/exam-nav.tsx";
import { Page, Shown } from "../ui/page.tsx";
import { People } from "./permissions/permissions.tsx";
import { PolicyEditor } from "./policy/policy.tsx";
import { Questions } from "./items/items.tsx";
import { Roster } from "./roster/roster.tsx";
import type { ExamView } from "../rest/types.ts";
import { api } from "../state.ts";
import { points } from "../format/format.ts";
import { ExamState } from "../overview/exams-page.tsx";

type Tab = "details" | "questions" | "roster" | "rules" | "people";
const TABS: readonly { key: Tab; title: string }[] = [
  { key: "details", title: "Details" },
  { key: "questions", title: "Questions" },
  { key: "roster", title: "Roster" },
  { key: "rules", title: "Rules" },
  { key: "people", title: "People" },
];

export function SetupPage({ examId, tab }: { examId: string; tab: string }): JSX.Element {
  const loading = useLoad<ExamView>(`/exams/${examId}`);
  const exam = loading.state.value.data;
  const selected = TABS.find((one) => one.key === tab)?.key ?? "details";
  return (
    <Page
      title={exam === null ? "Setup" : exam.title}
      above={[["/console/exams", "Exams"]]}
      about={
        exam !== null && (
          <div class="v-row-s">
            <ExamState exam={exam} />
          </div>
        )
      }
      actions={exam?.permissions.includes("can_edit") && <Publishing exam={exam} loading={loading} />}
    >
      <ExamNav examId={examId} at="setup" may={exam?.permissions ?? null} />
      {exam !== null && exam.items_version > 0 && exam.passing_score > exam.max_score && (
        <Notice tone="warning">
          Nobody can pass: {points(exam.passing_score)} points are needed, and there are {points(exam.max_score)}.
        </Notice>
      )}
      <Shown of={loading} label="Fetching the exam…">
        {(data) => (
          <div class="c-second">
            <Tabs<Tab>
              label="Setup"
              tabs={TABS}
              selected={selected}
              onSelect={(key) => go(`/console/exams/${examId}/setup/${key}`, { replace: true })}
            >
              <Panel tab={selected} exam={data} loading={loading} />
            </Tabs>
          </div>
        )}
      </Shown>
    </Page>
  );
}

function Panel({ tab, exam, loading }: { tab: Tab; exam: ExamView; loading: Loading<ExamView> }): JSX.Element {
  const mayEdit = exam.permissions.includes("can_edit");
  switch (tab) {
    case "details":
      return (
        <div class="v-card c-form-card">
          <ExamForm
            key={exam.version}
            start={fieldsOf(exam)}
            isNew={false}
            readOnly={!mayEdit}
            submit="Save"
            onSubmit={async ({ preset: _, ...fields }) => {
              loading.put(await api.patch<ExamView>(`/exams/${exam.exam_id}`, { ...fields, version: exam.version }));
              toast("Saved.", "good");
            }}
          />
        </div>
      );
    case "questions":
      return <Questions examId={exam.exam_id} readOnly={!mayEdit} onSaved={loading.reload} />;
    case "roster":
      return <Roster exam={exam} readOnly={!mayEdit} onChange={loading.reload} />;
    case "rules":
      return <PolicyEditor examId={exam.exam_id} readOnly={!mayEdit} />;
    case "people":
      return <People examId={exam.exam_id} />;
  }
}

function fieldsOf(exam: ExamView): ExamFields {
  return {
    title: exam.title,
    subject: exam.subject,
    topic: exam.topic,
    description: exam.description,
    duration_minutes: exam.duration_minutes,
    passing_score: exam.passing_score,
    opens_at: exam.opens_at,
    closes_at: exam.closes_at,
    enable_model: exam.enable_model,
    preset: "browser",
  };
}

function Publishing({ exam, loading }: { exam: ExamView; loading: Loading<ExamView> }): JSX.Element {
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const act = async (verb: "publish" | "unpublish" | "release", said: string): Promise<void> => {
    busy.value = true;
    failed.value = null;
    try {
      await api.post(`/exams/${exam.exam_id}/${verb}`);
      toast(said, "good");
      loading.reload();
    } catch (error) {
      failed.value = errorText(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="v-stack-s">
      <div class="v-row-s">
        {exam.is_published ? (
          <>
            {exam.results_released_at === null ? (
              <Button busy={busy.value} onClick={() => void act("release", "Students can see their results.")}>
                Release results
              </Button>
            ) : (
              <span class="v-badge" data-tone="good">
                Results released
              </span>
            )}
            <Button variant="quiet" busy={busy.value} onClick={() => void act("unpublish", "It is a draft again.")}>
              Back to draft
            </Button>
          </>
        ) : (
          <Button
            variant="primary"
            busy={busy.value}
            onClick={() => void act("publish", "Published: students on the roster can see it.")}
          >
            Publish
          </Button>
        )}
      </div>
      {failed.value !== null && (
        <Notice tone="critical" role="alert">
          {failed.value}
        </Notice>
      )}
    </div>
  );
}
