/** One student over the exams that the teacher has access to. Averages only include attempts that are graded and reviewed. */

import type { JSX } from "preact";
import { Empty } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import { useLoad } from "../../rest/load.ts";
import type { StudentRecord } from "../../rest/types.ts";
import { NAVIGATION } from "../../texts/shell.ts";
import { STUDENT } from "../../texts/students.ts";
import { Loaded } from "../../ui/loaded.tsx";
import { Page } from "../../ui/page.tsx";
import { AttemptTable } from "../attempts/attempt-table.tsx";
import { StudentFigures } from "./student-figures.tsx";

export function StudentPage({ studentId }: { studentId: string }): JSX.Element {
  const loading = useLoad<StudentRecord>(`/teacher/students/${studentId}`);
  const profile = loading.state.value.data?.profile;
  return (
    <Page
      title={profile?.name ?? STUDENT.title}
      parents={[["/console/flagged", NAVIGATION.flaggedStudents]]}
      about={
        profile !== undefined && (
          <p class="v-soft">{[profile.username, profile.enrollment_id, profile.cohort].filter(Boolean).join(" · ")}</p>
        )
      }
    >
      <Loaded from={loading} what={STUDENT.what}>
        {(data) => (
          <div class="v-stack-l">
            <StudentFigures data={data} />
            {data.attempts.length > 0 ? (
              <AttemptTable caption={count(data.attempts.length, "attempt")} attempts={data.attempts} by="exam" />
            ) : (
              <div class="v-card">
                <Empty title={STUDENT.empty} />
              </div>
            )}
          </div>
        )}
      </Loaded>
    </Page>
  );
}
