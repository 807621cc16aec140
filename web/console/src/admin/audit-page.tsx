/** The audit log, for administrators. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Button, Empty, Table } from "@veritas/shared/ui/index.ts";
import { readable } from "../format/names.ts";
import { usePages } from "../rest/load.ts";
import type { AuditRow } from "../rest/types.ts";
import { AUDIT } from "../texts/admin.ts";
import { COMMON } from "../texts/shell.ts";
import { Page } from "../ui/page.tsx";
import { PagedList } from "../ui/paged-list.tsx";

export function AuditPage(): JSX.Element {
  const action = useSignal("");
  const list = usePages<AuditRow>("/admin/audit", { action: action.value });
  return (
    <Page title={AUDIT.title} about={<p class="v-soft">{AUDIT.about}</p>}>
      <ActionSearch onSearch={(typed) => (action.value = typed)} />
      <PagedList list={list} what={AUDIT.what} empty={<Empty title={AUDIT.noMatch} />}>
        <div class="v-card v-card-flush">
          <Table caption={AUDIT.title} hideCaption head={<Head />}>
            {list.items.map((row) => (
              <Entry key={row.entry_id} row={row} />
            ))}
          </Table>
        </div>
      </PagedList>
    </Page>
  );
}

function ActionSearch({ onSearch }: { onSearch: (action: string) => void }): JSX.Element {
  const typed = useSignal("");
  const submit = (event: Event): void => {
    event.preventDefault();
    onSearch(typed.value.trim());
  };
  return (
    <form class="c-controls" onSubmit={submit}>
      <label class="c-labelled">
        <span class="v-soft v-small">{AUDIT.action}</span>
        <input
          class="v-input"
          placeholder={AUDIT.placeholder}
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </label>
      <Button type="submit" icon="search">
        {COMMON.search}
      </Button>
    </form>
  );
}

function Head(): JSX.Element {
  return (
    <tr>
      {(["when", "who", "did", "target", "details"] as const).map((key) => (
        <th key={key} scope="col">
          {AUDIT[key]}
        </th>
      ))}
    </tr>
  );
}

function Entry({ row }: { row: AuditRow }): JSX.Element {
  const details = Object.entries(row.details).map(([name, value]) => `${name}: ${value}`);
  return (
    <tr>
      <td class="v-number v-small">{formatDateTime(row.at)}</td>
      <td>
        <bdi>{row.actor_name ?? row.actor ?? <span class="v-soft">{AUDIT.server}</span>}</bdi>
      </td>
      <td>{readable(row.action)}</td>
      <td>
        {row.resource} <span class="v-mono v-soft v-small">{row.resource_id}</span>
      </td>
      <td class="v-small">{details.join(" · ")}</td>
    </tr>
  );
}
