/** The students of the room as tiles. Arrow keys move, Enter opens, Space selects. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useElementWidth } from "../rows/element-width.ts";
import { useKeyboard } from "../rows/keyboard.ts";
import { GAP_PX, TILE_PX, layOutTiles } from "../rows/tile-layout.ts";
import { useVisibleRows } from "../rows/visible-rows.ts";
import type { StudentsProps } from "./props.ts";
import { StudentTile } from "./student-tile.tsx";

/** The height of the bar, the heading and the controls above the tiles. */
const ABOVE_PX = 290;
const LINE_PX = TILE_PX + GAP_PX;
/** Up to this number of students, all are drawn. */
export const DRAWN_WHOLE = 120;

export function Tiles(props: StudentsProps): JSX.Element {
  const { rows } = props;
  const frame = useRef<HTMLDivElement | null>(null);
  const { columns, scale } = layOutTiles(useElementWidth(frame), innerHeight - ABOVE_PX, rows.length);
  const lines = Math.ceil(rows.length / columns);
  const linePx = LINE_PX * scale;
  const { ref, range, container } = useVisibleRows<HTMLUListElement>(lines, linePx, Math.ceil(DRAWN_WHOLE / columns));
  const keyboard = useKeyboard({
    ids: rows.map((row) => row.studentId),
    perLine: columns,
    linePx,
    container,
    onToggle: (id) => props.onSelect(id, !props.selected.has(id)),
  });
  const first = range.start * columns;
  const drawn = rows.slice(first, range.end * columns);
  useEffect(() => props.onVisible(drawn), [range.start, range.end, columns, rows]);
  return (
    <div ref={frame}>
      <ul
        class="c-tiles-board"
        ref={ref}
        onKeyDown={keyboard.onKeyDown}
        style={{
          "--columns": String(columns),
          "--scale": String(scale),
          paddingTop: `${range.start * LINE_PX}px`,
          paddingBottom: `${Math.max(0, lines - range.end) * LINE_PX}px`,
        }}
      >
        {drawn.map((row, index) => (
          <StudentTile
            key={row.studentId}
            row={row}
            position={first + index + 1}
            total={rows.length}
            selected={props.selected.has(row.studentId)}
            tabbable={row.studentId === keyboard.activeId}
            onSelect={props.onSelect}
            onOpen={props.onOpen}
            onFocus={keyboard.onFocus}
          />
        ))}
      </ul>
    </div>
  );
}
