/** One student over the exams this teacher may see. Figures come only from attempts whose review is final. */

import type { ComponentChildren, JSX } from "preact";
import { Empty } from "@veritas/shared/ui/index.ts";
import { useLoad } from "../../rest/load.ts";
import { AttemptTable } from "../attempts/attempt-table.tsx";
import { Page, Shown } from "../../ui/page.tsx";
import { Integrity, Label } from "../../ui/words.tsx";
import type { StudentRecord } from "../../rest/types.ts";
import { count } from "../../format/format.ts";

export function StudentPage({ studentId }: { studentId: string }): JSX.Element {
  const loading = useLoad<StudentRecord>(`/teacher/students/${studentId}`);
  const student = loading.state.value.data;
  return (
    <Page
      title={student?.profile.name ?? "Student"}
      above={[["/console/flagged", "Flagged students"]]}
      about={
        student !== null && (
          <p class="v-soft">
            {[student.profile.username, student.profile.enrollment_id, student.profile.cohort]
              .filter(Boolean)
              .join(" · ")}
          </p>
        )
      }
    >
      <Shown of={loading} label="Fetching the student…">
        {(data) => (
          <div class="v-stack-l">
            <Figures data={data} />
            {data.attempts.length > 0 ? (
              <AttemptTable caption={count(data.attempts.length, "attempt")} attempts={data.attempts} by="exam" />
            ) : (
              <div class="v-card">
                <Empty title="No attempts you may see" />
              </div>
            )}
          </div>
        )}
      </Shown>
    </Page>
  );
}

const TRENDS = { up: "rising", steady: "steady", down: "falling" } as const;

function Figures({ data }: { data: StudentRecord }): JSX.Element {
  const { metrics, risk } = data;
  return (
    <section class="v-card v-stack" aria-labelledby="figures">
      <div class="v-spread">
        <h2 id="figures">Over time</h2>
        <p class="v-row-s">
          <span class="v-soft">Current risk</span> <Label of={risk.label} />
          {risk.flagged && (
            <span class="v-badge" data-tone="warning">
              two of the last three of high risk
            </span>
          )}
        </p>
      </div>
      {metrics === null ? (
        <p class="v-soft v-small">Figures come with the first attempt that is graded and reviewed for good.</p>
      ) : (
        <dl class="c-numbers">
          <Figure name="Exams">
            {metrics.total_exams}, {metrics.passed_exams} passed
          </Figure>
          <Figure name="Average score">
            {metrics.avg_score === null ? "–" : `${Math.round(metrics.avg_score)} %`}
          </Figure>
          <Figure name={`Integrity${metrics.integrity_trend === null ? "" : `, ${TRENDS[metrics.integrity_trend]}`}`}>
            <Integrity score={metrics.avg_integrity_score} bare />
          </Figure>
          <Figure name={`Momentum (LMI)${metrics.lmi_trend === null ? "" : `, ${TRENDS[metrics.lmi_trend]}`}`}>
            {metrics.avg_lmi === null ? "too few drafts" : `${Math.round(metrics.avg_lmi)} of 100`}
          </Figure>
          <Figure name="Strengths">{listOf(metrics.strengths)}</Figure>
          <Figure name="Weaknesses">{listOf(metrics.weaknesses)}</Figure>
        </dl>
      )}
    </section>
  );
}

function Figure({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="v-number">{children}</dd>
    </div>
  );
}

function listOf(values: readonly unknown[]): string {
  return values.length === 0 ? "–" : values.map(String).join(", ");
}
