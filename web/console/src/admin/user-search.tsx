/** Searches users by text and role. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button } from "@veritas/shared/ui/index.ts";
import { USERS } from "../texts/admin.ts";
import { COMMON } from "../texts/shell.ts";
import { ROLES } from "./roles.ts";

interface UserSearchProps {
  query: { value: { q: string; role: string } };
}

export function UserSearch({ query }: UserSearchProps): JSX.Element {
  const typed = useSignal("");
  const submit = (event: Event): void => {
    event.preventDefault();
    query.value = { ...query.value, q: typed.value.trim() };
  };
  return (
    <form class="c-controls" onSubmit={submit}>
      <label class="c-labelled">
        <span class="v-soft v-small">{COMMON.search}</span>
        <input
          class="v-input"
          type="search"
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </label>
      <label class="c-labelled">
        <span class="v-soft v-small">{USERS.role}</span>
        <select
          class="v-input"
          value={query.value.role}
          onChange={(event) => (query.value = { ...query.value, role: event.currentTarget.value })}
        >
          <option value="">{COMMON.all}</option>
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {USERS.roles[role]}
            </option>
          ))}
        </select>
      </label>
      <Button type="submit" icon="search">
        {COMMON.search}
      </Button>
    </form>
  );
}
