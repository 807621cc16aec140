/** Which teachers have access to an exam, and what they may do. The hub lets only the owner and administrators change it. */

import type { JSX } from "preact";
import { Empty, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import { useLoad } from "../../rest/load.ts";
import type { Permission, TeacherPermissions } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { PERMISSIONS } from "../../texts/setup.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { AddTeacherForm } from "./add-teacher-form.tsx";
import { PermissionTable } from "./permission-table.tsx";

type Grants = Record<Permission, boolean>;

const VIEW_ONLY: Grants = {
  can_view: true,
  can_edit: false,
  can_invigilate: false,
  can_review: false,
  can_view_analytics: false,
};

export function Permissions({ examId }: { examId: string }): JSX.Element {
  const loading = useLoad<TeacherPermissions[] | { items: TeacherPermissions[] }>(`/exams/${examId}/permissions`);
  const action = useAction();
  const pathOf = (username: string): string => `/exams/${examId}/permissions/${encodeURIComponent(username)}`;
  const change = (work: () => Promise<unknown>, done: string): Promise<void> =>
    action.run(async () => {
      await work();
      toast(done, "good");
      loading.reload();
    });
  const put = (username: string, grants: Grants, done: string): Promise<void> =>
    change(() => api.put(pathOf(username), onlyGrants(grants)), done);
  const add = async (username: string): Promise<boolean> => {
    await put(username, VIEW_ONLY, PERMISSIONS.added(username));
    return action.failed.value === null;
  };
  return (
    <div class="v-stack">
      <ErrorNotice text={action.failed.value} />
      <Loaded from={loading} what={PERMISSIONS.what}>
        {(data) => (
          <TeacherList
            teachers={Array.isArray(data) ? data : data.items}
            busy={action.busy.value}
            onChange={(teacher, changes) =>
              void put(teacher.username, { ...teacher, ...changes }, PERMISSIONS.saved(teacher.name))
            }
            onRemove={({ name, username }) =>
              void change(() => api.delete(pathOf(username)), PERMISSIONS.removed(name))
            }
          />
        )}
      </Loaded>
      <AddTeacherForm busy={action.busy.value} onAdd={add} />
      <Meanings />
    </div>
  );
}

interface TeacherListProps {
  teachers: readonly TeacherPermissions[];
  busy: boolean;
  onChange: (teacher: TeacherPermissions, changes: Partial<Grants>) => void;
  onRemove: (teacher: TeacherPermissions) => void;
}

function TeacherList(props: TeacherListProps): JSX.Element {
  if (props.teachers.length > 0) return <PermissionTable {...props} />;
  return (
    <div class="v-card">
      <Empty title={PERMISSIONS.empty} />
    </div>
  );
}

function Meanings(): JSX.Element {
  return (
    <dl class="v-details v-small">
      {PERMISSIONS.names.map(({ key, name, means }) => (
        <>
          <dt key={key}>{name}</dt>
          <dd>{means}</dd>
        </>
      ))}
    </dl>
  );
}

/** The permissions alone: the hub refuses other fields. */
function onlyGrants({ can_view, can_edit, can_invigilate, can_review, can_view_analytics }: Grants): Grants {
  return { can_view, can_edit, can_invigilate, can_review, can_view_analytics };
}
