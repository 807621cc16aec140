/** The students of an exam as a table. Removed students stay in it and are marked. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Button, Table } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import type { RosterStudent } from "../../rest/types.ts";
import { ROSTER } from "../../texts/roster.ts";
import { COMMON } from "../../texts/shell.ts";

interface RosterTableProps {
  students: readonly RosterStudent[];
  hasMore: boolean;
  /** Null if the user may not remove students. */
  onRemove: ((student: RosterStudent) => void) | null;
}

export function RosterTable({ students, hasMore, onRemove }: RosterTableProps): JSX.Element {
  const current = students.filter((student) => student.on_roster).length;
  return (
    <div class="v-card v-card-flush">
      <Table
        caption={ROSTER.caption(count(current, "student"), hasMore)}
        head={
          <tr>
            {(["name", "username", "email", "since"] as const).map((key) => (
              <th key={key} scope="col">
                {ROSTER[key]}
              </th>
            ))}
            {onRemove !== null && (
              <th scope="col">
                <span class="v-hidden">{COMMON.actions}</span>
              </th>
            )}
          </tr>
        }
      >
        {students.map((student) => (
          <StudentRow key={student.student_id} student={student} onRemove={onRemove} />
        ))}
      </Table>
    </div>
  );
}

interface StudentRowProps {
  student: RosterStudent;
  onRemove: RosterTableProps["onRemove"];
}

function StudentRow({ student, onRemove }: StudentRowProps): JSX.Element {
  return (
    <tr>
      <th scope="row">
        <bdi>{student.name}</bdi> {!student.on_roster && <span class="v-badge">{ROSTER.removed}</span>}
      </th>
      <td class="v-mono">
        <bdi>{student.username}</bdi>
      </td>
      <td>{student.email ?? <span class="v-soft">{COMMON.none}</span>}</td>
      <td class="v-number v-small">{formatDateTime(student.enrolled_at)}</td>
      {onRemove !== null && (
        <td data-align="end">
          {student.on_roster && (
            <Button
              size="small"
              variant="quiet"
              onClick={() => onRemove(student)}
              aria-label={ROSTER.removeOf(student.name)}
            >
              {ROSTER.remove}
            </Button>
          )}
        </td>
      )}
    </tr>
  );
}
