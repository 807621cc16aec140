/** Users, for administrators: search, create, deactivate, erase, and allow teachers to create exams. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { Badge, Button, Dialog, Empty, Table, toast } from "@veritas/shared/ui/index.ts";
import { usePages } from "../rest/load.ts";
import type { UserRow } from "../rest/types.ts";
import { api, user as signedIn } from "../state.ts";
import { ERASE, USERS } from "../texts/admin.ts";
import { COMMON } from "../texts/shell.ts";
import { Page } from "../ui/page.tsx";
import { PagedList } from "../ui/paged-list.tsx";
import { EraseDialog } from "./erase-dialog.tsx";
import { NewUserForm } from "./new-user-form.tsx";
import { UserSearch } from "./user-search.tsx";

export function UsersPage(): JSX.Element {
  const query = useSignal({ q: "", role: "" });
  const creating = useSignal(false);
  const erasing = useSignal<UserRow | null>(null);
  const list = usePages<UserRow>("/admin/users", query.value);
  const change = async (user: UserRow, changes: Partial<UserRow>, done: string): Promise<void> => {
    try {
      await api.patch(`/admin/users/${user.user_id}`, changes);
      toast(done, "good");
      list.reload();
    } catch (error) {
      toast(errorText(error), "critical");
    }
  };
  const onCreated = (): void => {
    creating.value = false;
    list.reload();
  };
  return (
    <Page
      title={USERS.title}
      actions={
        <Button variant="primary" icon="plus" onClick={() => (creating.value = true)}>
          {USERS.newUser}
        </Button>
      }
    >
      <UserSearch query={query} />
      <PagedList list={list} what={USERS.what} empty={<Empty title={USERS.noMatch} />}>
        <div class="v-card v-card-flush">
          <Table caption={USERS.title} hideCaption head={<Head />}>
            {list.items.map((user) => (
              <User
                key={user.user_id}
                user={user}
                onChange={(changes, done) => void change(user, changes, done)}
                onErase={() => (erasing.value = user)}
              />
            ))}
          </Table>
        </div>
      </PagedList>
      <Dialog title={USERS.newUser} open={creating.value} onClose={() => (creating.value = false)}>
        <NewUserForm onCreated={onCreated} />
      </Dialog>
      <EraseDialog
        user={erasing.value}
        onClose={() => (erasing.value = null)}
        onErased={() => {
          erasing.value = null;
          list.reload();
        }}
      />
    </Page>
  );
}

function Head(): JSX.Element {
  return (
    <tr>
      {(["name", "username", "role", "state"] as const).map((key) => (
        <th key={key} scope="col">
          {USERS[key]}
        </th>
      ))}
      <th scope="col">
        <span class="v-hidden">{COMMON.actions}</span>
      </th>
    </tr>
  );
}

interface UserProps {
  user: UserRow;
  onChange: (changes: Partial<UserRow>, done: string) => void;
}

/** The roles whose users can be erased, as the hub allows it. */
const ERASABLE: ReadonlySet<string> = new Set(["student", "teacher"]);

function User({ user, onChange, onErase }: UserProps & { onErase: () => void }): JSX.Element {
  return (
    <tr>
      <th scope="row">
        <bdi>{user.name}</bdi>
      </th>
      <td class="v-mono">
        <bdi>{user.username}</bdi>
      </td>
      <td>{USERS.roles[user.role] ?? user.role}</td>
      <td>{user.is_active ? <Badge tone="good">{USERS.active}</Badge> : <Badge>{USERS.inactive}</Badge>}</td>
      <td data-align="end">
        {user.role === "teacher" && <ExamsButton user={user} onChange={onChange} />}
        {user.user_id !== signedIn.value?.id && <ActiveButton user={user} onChange={onChange} />}
        {ERASABLE.has(user.role) && (
          <Button size="small" variant="quiet" aria-label={ERASE.openOf(user.name)} onClick={onErase}>
            {ERASE.open}
          </Button>
        )}
      </td>
    </tr>
  );
}

function ExamsButton({ user, onChange }: UserProps): JSX.Element {
  const isAllowed = user.can_create_exams;
  const text = isAllowed ? USERS.forbidExams : USERS.allowExams;
  const done = isAllowed ? USERS.examsForbidden(user.name) : USERS.examsAllowed(user.name);
  return (
    <Button
      size="small"
      variant="quiet"
      aria-label={USERS.of(text, user.name)}
      onClick={() => onChange({ can_create_exams: !isAllowed }, done)}
    >
      {text}
    </Button>
  );
}

function ActiveButton({ user, onChange }: UserProps): JSX.Element {
  const { is_active: isActive, name } = user;
  return (
    <Button
      size="small"
      variant="quiet"
      aria-label={isActive ? USERS.deactivateOf(name) : USERS.activateOf(name)}
      onClick={() => onChange({ is_active: !isActive }, isActive ? USERS.deactivated(name) : USERS.activated(name))}
    >
      {isActive ? USERS.deactivate : USERS.activate}
    </Button>
  );
}
