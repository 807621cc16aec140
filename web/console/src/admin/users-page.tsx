/** Accounts, for administrators: who may sign in, and as what. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { Badge, Button, Dialog, Empty, Field, Notice, Table, toast } from "@veritas/shared/ui/index.ts";
import { NOTHING, type Refusal, refusal } from "../rest/errors.ts";
import { usePages } from "../rest/load.ts";
import { Listed } from "../ui/paged-list.tsx";
import { Page } from "../ui/page.tsx";
import type { UserRow } from "../rest/types.ts";
import { api, session } from "../state.ts";

const ROLES = ["student", "teacher", "admin"] as const;

export function UsersPage(): JSX.Element {
  const query = useSignal("");
  const typed = useSignal("");
  const role = useSignal("");
  const making = useSignal(false);
  const list = usePages<UserRow>("/admin/users", { q: query.value, role: role.value });
  const patch = async (user: UserRow, change: Partial<UserRow>, said: string): Promise<void> => {
    try {
      await api.patch(`/admin/users/${user.user_id}`, change);
      toast(said, "good");
      list.reload();
    } catch (error) {
      toast(errorText(error), "critical");
    }
  };
  return (
    <Page
      title="Users"
      actions={
        <Button variant="primary" icon="plus" onClick={() => (making.value = true)}>
          New user
        </Button>
      }
    >
      <form
        class="c-controls"
        onSubmit={(event) => {
          event.preventDefault();
          query.value = typed.value.trim();
        }}
      >
        <label class="c-order">
          <span class="v-soft v-small">Search</span>
          <input
            class="v-input"
            type="search"
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
        </label>
        <label class="c-order">
          <span class="v-soft v-small">Role</span>
          <select class="v-input" value={role.value} onChange={(event) => (role.value = event.currentTarget.value)}>
            <option value="">All</option>
            {ROLES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <Button type="submit" icon="search">
          Search
        </Button>
      </form>
      <Listed list={list} what="users" empty={<Empty title="Nobody matches" />}>
        <div class="v-card v-card-flush">
          <Table
            caption="Users"
            hideCaption
            head={
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Username</th>
                <th scope="col">Role</th>
                <th scope="col">State</th>
                <th scope="col">
                  <span class="v-hidden">Actions</span>
                </th>
              </tr>
            }
          >
            {list.items.map((user) => (
              <tr key={user.user_id}>
                <th scope="row">{user.name}</th>
                <td class="v-mono">{user.username}</td>
                <td>{user.role}</td>
                <td>{user.is_active ? <Badge tone="good">active</Badge> : <Badge>switched off</Badge>}</td>
                <td data-align="end">
                  {user.role === "teacher" && (
                    <Button
                      size="small"
                      variant="quiet"
                      aria-label={`${user.can_create_exams ? "No exams" : "May make exams"}: ${user.name}`}
                      onClick={() =>
                        void patch(
                          user,
                          { can_create_exams: !user.can_create_exams },
                          `${user.name} may ${user.can_create_exams ? "make no exams any more" : "make exams"}.`,
                        )
                      }
                    >
                      {user.can_create_exams ? "No exams" : "May make exams"}
                    </Button>
                  )}
                  {user.user_id !== session.user.value?.id && (
                    <Button
                      size="small"
                      variant="quiet"
                      aria-label={`${user.is_active ? "Switch off" : "Switch on"} ${user.name}`}
                      onClick={() =>
                        void patch(
                          user,
                          { is_active: !user.is_active },
                          `${user.name} is ${user.is_active ? "switched off" : "active"}.`,
                        )
                      }
                    >
                      {user.is_active ? "Switch off" : "Switch on"}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </div>
      </Listed>
      <Dialog title="New user" open={making.value} onClose={() => (making.value = false)}>
        <NewUser
          onMade={() => {
            making.value = false;
            list.reload();
          }}
        />
      </Dialog>
    </Page>
  );
}

function NewUser({ onMade }: { onMade: () => void }): JSX.Element {
  const fields = useSignal({ username: "", name: "", password: "", role: "teacher" });
  const busy = useSignal(false);
  const refused = useSignal<Refusal>(NOTHING);
  const make = async (event: Event): Promise<void> => {
    event.preventDefault();
    busy.value = true;
    refused.value = NOTHING;
    try {
      await api.post("/admin/users", fields.value);
      toast(`${fields.value.name} can sign in.`, "good");
      onMade();
    } catch (error) {
      refused.value = refusal(error, ["username", "name", "password", "role"]);
    } finally {
      busy.value = false;
    }
  };
  const text = (
    name: "username" | "name" | "password",
    label: string,
    type: "text" | "password" = "text",
  ): JSX.Element => (
    <Field label={label} error={refused.value.fields.get(name)}>
      {(control) => (
        <input
          {...control}
          {...(type === "password"
            ? ({ type: "password", autocomplete: "new-password" } as const)
            : ({ type: "text", autocomplete: "off" } as const))}
          required
          value={fields.value[name]}
          onInput={(event) => (fields.value = { ...fields.value, [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  );
  return (
    <form class="v-stack" onSubmit={(event) => void make(event)}>
      {refused.value.general !== null && (
        <Notice tone="critical" role="alert">
          {refused.value.general}
        </Notice>
      )}
      {text("username", "Username")}
      {text("name", "Name")}
      {text("password", "First password", "password")}
      <Field label="Role" error={refused.value.fields.get("role")}>
        {(control) => (
          <select
            {...control}
            value={fields.value.role}
            onChange={(event) => (fields.value = { ...fields.value, role: event.currentTarget.value })}
          >
            {ROLES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </Field>
      <div>
        <Button variant="primary" type="submit" busy={busy.value}>
          Make the account
        </Button>
      </div>
    </form>
  );
}
