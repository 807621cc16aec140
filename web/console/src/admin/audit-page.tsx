/** Who did what, for administrators: rows that nobody can change. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Button, Empty, Table } from "@veritas/shared/ui/index.ts";
import { usePages } from "../rest/load.ts";
import { Listed } from "../ui/paged-list.tsx";
import { Page } from "../ui/page.tsx";
import type { AuditRow } from "../rest/types.ts";
import { sentence } from "../format/format.ts";

export function AuditPage(): JSX.Element {
  const typed = useSignal("");
  const action = useSignal("");
  const list = usePages<AuditRow>("/admin/audit", { action: action.value });
  return (
    <Page title="Audit log" about={<p class="v-soft">What people did, newest first. Rows are only ever added.</p>}>
      <form
        class="c-controls"
        onSubmit={(event) => {
          event.preventDefault();
          action.value = typed.value.trim();
        }}
      >
        <label class="c-order">
          <span class="v-soft v-small">Action</span>
          <input
            class="v-input"
            placeholder="review"
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
        </label>
        <Button type="submit" icon="search">
          Search
        </Button>
      </form>
      <Listed list={list} what="the log" empty={<Empty title="No such rows" />}>
        <div class="v-card v-card-flush">
          <Table
            caption="Audit log"
            hideCaption
            head={
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">Did</th>
                <th scope="col">To what</th>
                <th scope="col">More</th>
              </tr>
            }
          >
            {list.items.map((row) => (
              <tr key={row.entry_id}>
                <td class="v-number v-small">{formatDateTime(row.at)}</td>
                <td>{row.actor_name ?? row.actor ?? <span class="v-soft">the server</span>}</td>
                <td>{sentence(row.action)}</td>
                <td>
                  {row.resource} <span class="v-mono v-soft v-small">{row.resource_id}</span>
                </td>
                <td class="v-small">
                  {Object.entries(row.details)
                    .map(([name, value]) => `${name}: ${value}`)
                    .join(" · ")}
                </td>
              </tr>
            ))}
          </Table>
        </div>
      </Listed>
    </Page>
  );
}
