/** One exam in numbers: averages, distributions, rule precision, questions and students. */

import type { JSX } from "preact";
import { Empty } from "@veritas/shared/ui/index.ts";
import { useLoad } from "../../rest/load.ts";
import type { Analytics, ExamView } from "../../rest/types.ts";
import { ANALYTICS } from "../../texts/analytics.ts";
import { NAVIGATION } from "../../texts/shell.ts";
import { ExamNav } from "../../ui/exam-nav.tsx";
import { FlagsDownload } from "../../ui/flags-download.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Page } from "../../ui/page.tsx";
import { Distribution } from "./distribution.tsx";
import { QuestionResults } from "./question-results.tsx";
import { RulePrecision } from "./rule-precision.tsx";
import { StudentResults } from "./student-results.tsx";
import { Summary } from "./summary.tsx";

export function AnalyticsPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const loading = useLoad<Analytics>(`/teacher/exams/${examId}/analytics`);
  return (
    <Page
      title={exam?.title ?? loading.state.value.data?.exam.title ?? ANALYTICS.title}
      parents={[["/console/exams", NAVIGATION.exams]]}
      actions={<FlagsDownload examId={examId} title={exam?.title} />}
    >
      <ExamNav examId={examId} current="analytics" permissions={exam?.permissions ?? null} />
      <Loaded from={loading} what={ANALYTICS.what}>
        {(data) => (data.analytics.total_attempts === 0 ? <NoAttempts /> : <Results examId={examId} data={data} />)}
      </Loaded>
    </Page>
  );
}

function NoAttempts(): JSX.Element {
  return (
    <div class="v-card">
      <Empty title={ANALYTICS.empty}>
        <p>{ANALYTICS.emptyText}</p>
      </Empty>
    </div>
  );
}

function Results({ examId, data }: { examId: string; data: Analytics }): JSX.Element {
  return (
    <div class="v-stack-l">
      <Summary data={data} />
      <Distribution data={data} />
      <RulePrecision rules={data.rules} />
      {data.items.length > 0 && <QuestionResults items={data.items} />}
      <StudentResults examId={examId} firstPage={data} />
    </div>
  );
}
