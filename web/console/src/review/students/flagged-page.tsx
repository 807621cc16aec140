/** Students who may need help or attention. The page does not say why. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Empty, Table } from "@veritas/shared/ui/index.ts";
import { usePages } from "../../rest/load.ts";
import type { FlaggedStudent } from "../../rest/types.ts";
import { COMMON } from "../../texts/shell.ts";
import { FLAGGED } from "../../texts/students.ts";
import { LabelBadge } from "../../ui/values/badges.tsx";
import { Page } from "../../ui/page.tsx";
import { PagedList } from "../../ui/paged-list.tsx";

export function FlaggedPage(): JSX.Element {
  const list = usePages<FlaggedStudent>("/teacher/flagged-students");
  return (
    <Page title={FLAGGED.title} about={<p class="v-soft v-prose">{FLAGGED.about}</p>}>
      <PagedList list={list} what={FLAGGED.what} empty={<Empty title={FLAGGED.empty} />}>
        <div class="v-card v-card-flush">
          <Table caption={FLAGGED.title} hideCaption head={<Head />}>
            {list.items.map((student) => (
              <StudentRow key={student.student_id} student={student} />
            ))}
          </Table>
        </div>
      </PagedList>
    </Page>
  );
}

function Head(): JSX.Element {
  return (
    <tr>
      <th scope="col">{FLAGGED.student}</th>
      <th scope="col">{FLAGGED.label}</th>
      <th scope="col" data-align="end">
        {FLAGGED.highRisk}
      </th>
      <th scope="col" data-align="end">
        {FLAGGED.attempts}
      </th>
      <th scope="col">{FLAGGED.last}</th>
    </tr>
  );
}

function StudentRow({ student }: { student: FlaggedStudent }): JSX.Element {
  const last = student.last_attempt_at;
  return (
    <tr>
      <th scope="row">
        <a href={`/console/students/${student.student_id}`}>
          <bdi>{student.name}</bdi>
        </a>{" "}
        {student.flagged_for_intervention && <Badge tone="warning">{FLAGGED.talk}</Badge>}
      </th>
      <td>
        <LabelBadge label={student.current_risk_label} />
      </td>
      <td data-align="end">{student.high_risk}</td>
      <td data-align="end">{student.attempts}</td>
      <td class="v-number v-small">{last === null ? COMMON.none : formatDateTime(last)}</td>
    </tr>
  );
}
