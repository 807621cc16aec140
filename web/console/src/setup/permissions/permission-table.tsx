/** Teachers and their permissions as a table of checkboxes. */

import type { JSX } from "preact";
import { Button, Table } from "@veritas/shared/ui/index.ts";
import type { Permission, TeacherPermissions } from "../../rest/types.ts";
import { PERMISSIONS } from "../../texts/setup.ts";
import { COMMON } from "../../texts/shell.ts";

interface PermissionTableProps {
  teachers: readonly TeacherPermissions[];
  busy: boolean;
  onChange: (teacher: TeacherPermissions, changes: Partial<Record<Permission, boolean>>) => void;
  onRemove: (teacher: TeacherPermissions) => void;
}

export function PermissionTable({ teachers, busy, onChange, onRemove }: PermissionTableProps): JSX.Element {
  return (
    <div class="v-card v-card-flush">
      <Table
        caption={PERMISSIONS.caption}
        head={
          <tr>
            <th scope="col">{PERMISSIONS.teacher}</th>
            {PERMISSIONS.names.map(({ key, name, means }) => (
              <th scope="col" key={key} title={means}>
                {name}
              </th>
            ))}
            <th scope="col">
              <span class="v-hidden">{COMMON.actions}</span>
            </th>
          </tr>
        }
      >
        {teachers.map((teacher) => (
          <TeacherRow
            key={teacher.teacher_id}
            teacher={teacher}
            busy={busy}
            onChange={(changes) => onChange(teacher, changes)}
            onRemove={() => onRemove(teacher)}
          />
        ))}
      </Table>
    </div>
  );
}

interface TeacherRowProps {
  teacher: TeacherPermissions;
  busy: boolean;
  onChange: (changes: Partial<Record<Permission, boolean>>) => void;
  onRemove: () => void;
}

function TeacherRow({ teacher, busy, onChange, onRemove }: TeacherRowProps): JSX.Element {
  return (
    <tr>
      <th scope="row">
        <bdi>{teacher.name}</bdi> <bdi class="v-soft v-mono">{teacher.username}</bdi>
      </th>
      {PERMISSIONS.names.map(({ key, name }) => (
        <td key={key}>
          <input
            type="checkbox"
            class="c-check"
            aria-label={`${teacher.name}: ${name}`}
            checked={teacher[key]}
            disabled={busy}
            onChange={(event) => onChange({ [key]: event.currentTarget.checked })}
          />
        </td>
      ))}
      <td data-align="end">
        <Button size="small" variant="quiet" aria-label={PERMISSIONS.removeOf(teacher.name)} onClick={onRemove}>
          {PERMISSIONS.remove}
        </Button>
      </td>
    </tr>
  );
}
