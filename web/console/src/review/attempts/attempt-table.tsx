/** Attempts as a table, wherever they are listed: every number with its word, unknown ones said to be so. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Table } from "@veritas/shared/ui/index.ts";
import type { AttemptSummary } from "../../rest/types.ts";
import { count, points } from "../../format/format.ts";
import { Integrity, Label, Status } from "../../ui/words.tsx";

interface AttemptTableProps {
  caption: string;
  attempts: readonly AttemptSummary[];
  /** Whether the rows differ by student or by exam. */
  by: "student" | "exam";
}

export function AttemptTable({ caption, attempts, by }: AttemptTableProps): JSX.Element {
  return (
    <div class="v-card v-card-flush">
      <Table
        caption={caption}
        head={
          <tr>
            <th scope="col">{by === "student" ? "Student" : "Exam"}</th>
            <th scope="col">Status</th>
            <th scope="col">Started</th>
            <th scope="col" data-align="end">
              Score
            </th>
            <th scope="col">Integrity</th>
            <th scope="col">Label</th>
            <th scope="col">Waiting</th>
          </tr>
        }
      >
        {attempts.map((one) => (
          <tr key={one.attempt_id}>
            <th scope="row">
              <a href={`/console/attempts/${one.attempt_id}`}>{by === "student" ? one.name : one.title}</a>
              {one.flagged && (
                <>
                  {" "}
                  <Badge tone="critical" icon="critical">
                    attention
                  </Badge>
                </>
              )}
            </th>
            <td>
              <Status of={one.status} />
            </td>
            <td class="v-number v-small">{one.started_at === null ? "–" : formatDateTime(one.started_at)}</td>
            <td data-align="end">
              <Score of={one} />
            </td>
            <td>
              <Integrity score={one.integrity} coverage={one.coverage} bare />
            </td>
            <td>
              <Label of={one.dropout_label} />
            </td>
            <td>
              <div class="v-row-s">
                {one.open_flags > 0 && <Badge tone="warning">{count(one.open_flags, "flag")}</Badge>}
                {one.completed_at !== null && !one.grade_final && <Badge tone="info">grading</Badge>}
                {one.open_flags === 0 && (one.completed_at === null || one.grade_final) && (
                  <span class="v-soft">–</span>
                )}
              </div>
            </td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

export function Score({ of }: { of: Pick<AttemptSummary, "score" | "max_score" | "passed"> }): JSX.Element {
  if (of.score === null) return <span class="v-soft">not graded</span>;
  return (
    <span class="v-number">
      {points(of.score)} {of.max_score !== null && <span class="v-soft">of {points(of.max_score)}</span>}
      {of.passed !== null && <span class="v-small"> · {of.passed ? "passed" : "not passed"}</span>}
    </span>
  );
}
