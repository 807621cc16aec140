// How often each type of event was recorded, and when first and last.
import { formatTime } from "@veritas/shared/time.ts";
import { Table } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import type { RecordView } from "../types.ts";
import { recordTexts as texts } from "./texts.ts";

export function RecordedEvents({ rows }: { rows: RecordView["recorded"] }): JSX.Element {
  if (rows.length === 0) return <p class="v-soft">{texts.nothingRecorded}</p>;
  const sorted = [...rows].sort((a, b) => a.first_at - b.first_at);
  const head = (
    <tr>
      <th scope="col">{texts.event}</th>
      <th scope="col" data-align="end">
        {texts.count}
      </th>
      <th scope="col">{texts.first}</th>
      <th scope="col">{texts.last}</th>
    </tr>
  );
  return (
    <div class="v-card v-card-flush">
      <Table caption={texts.recorded} head={head}>
        {sorted.map((row) => (
          <tr key={row.event_type}>
            <th scope="row">{texts.eventName(row.event_type)}</th>
            <td data-align="end">{row.count}</td>
            <td class="x-when">{formatTime(row.first_at)}</td>
            <td class="x-when">{formatTime(row.last_at)}</td>
          </tr>
        ))}
      </Table>
    </div>
  );
}
