/** The students of the room as a table. Arrow keys move, Enter opens, Space selects. */

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { STUDENT_TABLE } from "../../texts/room.ts";
import { useKeyboard } from "../rows/keyboard.ts";
import type { Sorting } from "../rows/sorting.ts";
import { useVisibleRows } from "../rows/visible-rows.ts";
import type { StudentsProps } from "./props.ts";
import { TableHead } from "./table-head.tsx";
import { TableRow } from "./table-row.tsx";
import { DRAWN_WHOLE } from "./tiles.tsx";

const ROW_PX = 48;

interface TableProps extends StudentsProps {
  readonly sorting: Signal<Sorting>;
}

export function StudentTable(props: TableProps): JSX.Element {
  const { rows } = props;
  const { ref, range, container } = useVisibleRows<HTMLTableSectionElement>(rows.length, ROW_PX, DRAWN_WHOLE);
  const keyboard = useKeyboard({
    ids: rows.map((row) => row.studentId),
    perLine: 1,
    linePx: ROW_PX,
    container,
    onToggle: (id) => props.onSelect(id, !props.selected.has(id)),
  });
  const drawn = rows.slice(range.start, range.end);
  useEffect(() => props.onVisible(drawn), [range.start, range.end, rows]);
  return (
    <div class="v-card v-card-flush">
      <table class="v-table c-board" aria-rowcount={rows.length + 1}>
        <caption class="v-hidden">{STUDENT_TABLE.caption}</caption>
        <TableHead sorting={props.sorting} />
        <tbody ref={ref} onKeyDown={keyboard.onKeyDown}>
          <Gap rows={range.start} />
          {drawn.map((row, index) => (
            <TableRow
              key={row.studentId}
              row={row}
              position={range.start + index + 1}
              total={rows.length}
              selected={props.selected.has(row.studentId)}
              tabbable={row.studentId === keyboard.activeId}
              onSelect={props.onSelect}
              onOpen={props.onOpen}
              onFocus={keyboard.onFocus}
            />
          ))}
          <Gap rows={rows.length - range.end} />
        </tbody>
      </table>
    </div>
  );
}

/**
 * Space for rows that are not drawn. Its cell spans no columns: a column may be hidden, and a span over it would add an
 * empty column to the table, which takes its width from the names.
 */
function Gap({ rows }: { rows: number }): JSX.Element | null {
  if (rows <= 0) return null;
  return (
    <tr class="c-gap" aria-hidden="true">
      <td style={{ height: `${rows * ROW_PX}px` }} />
    </tr>
  );
}
