/** One student over the exams this teacher may see. Figures come only from attempts whose review is final. */

import type { JSX } from "preact";
import { Empty } from "@veritas/shared/ui.tsx";
import { useLoad } from "../load.ts";
import { AttemptTable } from "../parts/attempt-table.tsx";
import { Page, Shown } from "../parts/page.tsx";
import { Label } from "../parts/words.tsx";
import type { StudentView } from "../rest.ts";
import { count, points, sentence } from "../text/format.ts";

export function StudentPage({ studentId }: { studentId: string }): JSX.Element {
  const loading = useLoad<StudentView>(`/teacher/students/${studentId}`);
  const student = loading.state.value.data;
  return (
    <Page
      title={student?.profile.name ?? "Student"}
      above={[["/console/flagged", "Flagged students"]]}
      about={
        student !== null && (
          <p class="v-soft">
            {[student.profile.username, student.profile.enrollment_id, student.profile.cohort].filter(Boolean).join(" · ")}
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

function Figures({ data }: { data: StudentView }): JSX.Element {
  const metrics = Object.entries(data.metrics ?? {}).filter(([, value]) => value !== null && (typeof value !== "object" || Array.isArray(value)));
  return (
    <section class="v-card v-stack-s" aria-labelledby="figures">
      <h2 id="figures">Over time</h2>
      <p class="v-row-s">
        <span class="v-soft">Current risk</span> <Label of={data.risk.label} />
        {data.risk.flagged && <span class="v-badge" data-tone="warning">two of the last three of high risk</span>}
      </p>
      {metrics.length === 0 ? (
        <p class="v-soft v-small">Figures come with the first attempt that is graded and reviewed for good.</p>
      ) : (
        <dl class="c-numbers">
          {metrics.map(([name, value]) => (
            <div key={name}>
              <dt>{sentence(name)}</dt>
              <dd class="v-number">{metricText(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

function metricText(value: unknown): string {
  if (typeof value === "number") return points(value);
  if (Array.isArray(value)) return value.length === 0 ? "–" : value.map(String).join(", ");
  return typeof value === "string" ? value.replaceAll("_", " ") : String(value);
}
