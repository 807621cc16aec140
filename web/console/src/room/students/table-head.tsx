/** The head of the table of students. A click on a name sorts by it, a second click reverses the order. */

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { STUDENT_TABLE } from "../../texts/room.ts";
import type { SortKey, Sorting } from "../rows/sorting.ts";

const COLUMNS: readonly { by: SortKey; name: string; descendingFirst?: boolean }[] = [
  { by: "name", name: STUDENT_TABLE.name },
  { by: "presence", name: STUDENT_TABLE.presence },
  { by: "status", name: STUDENT_TABLE.status },
  { by: "remaining", name: STUDENT_TABLE.remaining },
  { by: "integrity", name: STUDENT_TABLE.integrity },
  { by: "flags", name: STUDENT_TABLE.flags, descendingFirst: true },
];

export function TableHead({ sorting }: { sorting: Signal<Sorting> }): JSX.Element {
  const { by: current, descending } = sorting.value;
  const sortBy = (by: SortKey, descendingFirst: boolean): void => {
    sorting.value = { by, descending: current === by ? !descending : descendingFirst };
  };
  return (
    <thead>
      <tr>
        <th class="c-col-select">
          <span class="v-hidden">{STUDENT_TABLE.selected}</span>
        </th>
        {COLUMNS.map(({ by, name, descendingFirst = false }) => (
          <th
            key={by}
            scope="col"
            class={`c-col-${by}`}
            aria-sort={current !== by ? "none" : descending ? "descending" : "ascending"}
          >
            <button type="button" class="c-sort" onClick={() => sortBy(by, descendingFirst)}>
              {name}
              <span class="c-sort-arrow" aria-hidden="true">
                {current !== by ? "" : descending ? "▼" : "▲"}
              </span>
            </button>
          </th>
        ))}
        <th scope="col" class="c-col-latest">
          {STUDENT_TABLE.latest}
        </th>
      </tr>
    </thead>
  );
}
