/** Students for whom several exams say the same: somebody should talk with them. It says nothing of why. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Empty, Table } from "@veritas/shared/ui/index.ts";
import { usePages } from "../../rest/load.ts";
import { Listed } from "../../ui/paged-list.tsx";
import { Page } from "../../ui/page.tsx";
import { Label } from "../../ui/words.tsx";
import type { FlaggedStudent } from "../../rest/types.ts";

export function FlaggedPage(): JSX.Element {
  const list = usePages<FlaggedStudent>("/teacher/flagged-students");
  return (
    <Page
      title="Flagged students"
      about={
        <p class="v-soft v-prose">
          At least two of a student's last three finally graded and reviewed attempts were of high risk. It is a reason
          to talk, no verdict.
        </p>
      }
    >
      <Listed list={list} what="students" empty={<Empty title="No student is flagged" />}>
        <div class="v-card v-card-flush">
          <Table
            caption="Flagged students"
            hideCaption
            head={
              <tr>
                <th scope="col">Student</th>
                <th scope="col">Now</th>
                <th scope="col" data-align="end">
                  High risk
                </th>
                <th scope="col" data-align="end">
                  Attempts
                </th>
                <th scope="col">Last attempt</th>
              </tr>
            }
          >
            {list.items.map((one) => (
              <tr key={one.student_id}>
                <th scope="row">
                  <a href={`/console/students/${one.student_id}`}>{one.name}</a>{" "}
                  {one.flagged_for_intervention && <Badge tone="warning">talk with them</Badge>}
                </th>
                <td>
                  <Label of={one.current_risk_label} />
                </td>
                <td data-align="end">{one.high_risk}</td>
                <td data-align="end">{one.attempts}</td>
                <td class="v-number v-small">
                  {one.last_attempt_at === null ? "–" : formatDateTime(one.last_attempt_at)}
                </td>
              </tr>
            ))}
          </Table>
        </div>
      </Listed>
    </Page>
  );
}
