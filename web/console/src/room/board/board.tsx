/** The room's students as tiles or as a table: the same rows, the same keys. Arrow keys move, Enter opens, Space selects. */

import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { memo } from "preact/compat";
import { useEffect, useRef, useState } from "preact/hooks";
import { formatLeft } from "@veritas/shared/time.ts";
import { Severity } from "@veritas/shared/ui/index.ts";
import type { Order, RoomRow, Sorting } from "./rows.ts";
import { now } from "../../state.ts";
import { Integrity, Presence, Status } from "../../ui/words.tsx";
import { useWindow } from "./visible-rows.ts";

const TILE_PX = 148;
const TILE_MIN_PX = 248;
const GAP_PX = 12;
const ROW_PX = 48;
/** Up to so many students everything is drawn. */
const DRAWN_WHOLE = 120;

export interface BoardProps {
  readonly rows: readonly RoomRow[];
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (studentId: string, on: boolean) => void;
  readonly onOpen: (studentId: string) => void;
  /** Says which rows are on the screen. */
  readonly onShown: (rows: readonly RoomRow[]) => void;
}

/** Move by keys over rows of which not all are drawn. */
function useKeys(props: BoardProps, perRow: number, rowPx: number, box: { current: HTMLElement | null }) {
  const [active, setActive] = useState<string | null>(null);
  const wanted = useRef<string | null>(null);
  const at = Math.max(
    0,
    props.rows.findIndex((row) => row.studentId === active),
  );
  const activeId = props.rows[at]?.studentId ?? null;

  useEffect(() => {
    if (wanted.current === null) return;
    const button = box.current?.querySelector<HTMLElement>(`[data-student="${wanted.current}"]`);
    if (button === null || button === undefined) return;
    wanted.current = null;
    button.focus({ preventScroll: true });
    button.scrollIntoView({ block: "nearest" });
  });

  const moveTo = (index: number): void => {
    const row = props.rows[Math.max(0, Math.min(props.rows.length - 1, index))];
    if (row === undefined || box.current === null) return;
    wanted.current = row.studentId;
    setActive(row.studentId);
    const top = box.current.getBoundingClientRect().top + Math.floor(Math.max(0, index) / perRow) * rowPx;
    if (top < 140) scrollBy({ top: top - 200 });
    else if (top + rowPx > innerHeight) scrollBy({ top: top + rowPx - innerHeight + 80 });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (target.dataset.student === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / rowPx) - 2) * perRow;
    const steps: Record<string, number> = {
      ArrowDown: at + perRow,
      ArrowUp: at - perRow,
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: props.rows.length - 1,
      PageDown: at + page,
      PageUp: at - page,
    };
    const to = steps[event.key];
    if (to !== undefined) {
      event.preventDefault();
      moveTo(to);
    } else if (event.key === " " && activeId !== null) {
      event.preventDefault();
      props.onSelect(activeId, !props.selected.has(activeId));
    }
  };
  return { activeId, onKeyDown, onFocus: (id: string) => setActive(id) };
}

/** How wide the box is. */
function useWidth(box: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (box.current === null) return;
    const watcher = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  return width;
}

const SCALES = [1.6, 1.45, 1.3, 1.15] as const;
const WALL_PX = 1_500;

export interface TileLayout {
  readonly columns: number;
  readonly scale: number;
}

/** How tiles fill a box: on a wall screen they grow as long as all of them are in sight; pure. */
export function layTiles(width: number, height: number, tiles: number): TileLayout {
  const columnsAt = (scale: number): number =>
    Math.max(1, Math.floor((width / scale + GAP_PX) / (TILE_MIN_PX + GAP_PX)));
  if (width >= WALL_PX) {
    for (const scale of SCALES) {
      if (Math.ceil(tiles / columnsAt(scale)) * (TILE_PX + GAP_PX) * scale <= height)
        return { columns: columnsAt(scale), scale };
    }
  }
  return { columns: columnsAt(1), scale: 1 };
}

/** What stands over the tiles: the bar, the heading, the controls. */
const ABOVE_PX = 290;

export function Tiles(props: BoardProps): JSX.Element {
  const frame = useRef<HTMLDivElement | null>(null);
  const { columns, scale } = layTiles(useWidth(frame), innerHeight - ABOVE_PX, props.rows.length);
  const lines = Math.ceil(props.rows.length / columns);
  const linePx = (TILE_PX + GAP_PX) * scale;
  const { ref, span, box } = useWindow<HTMLUListElement>(lines, linePx, Math.ceil(DRAWN_WHOLE / columns));
  const keys = useKeys(props, columns, linePx, box);
  const drawn = props.rows.slice(span.start * columns, span.end * columns);
  useEffect(() => props.onShown(drawn), [span.start, span.end, columns, props.rows]);
  return (
    <div ref={frame}>
      <ul
        class="c-tiles-board"
        ref={ref}
        onKeyDown={keys.onKeyDown}
        style={{
          "--columns": String(columns),
          "--scale": String(scale),
          paddingTop: `${span.start * (TILE_PX + GAP_PX)}px`,
          paddingBottom: `${Math.max(0, lines - span.end) * (TILE_PX + GAP_PX)}px`,
        }}
      >
        {drawn.map((row, index) => (
          <StudentTile
            key={row.studentId}
            row={row}
            place={span.start * columns + index + 1}
            of={props.rows.length}
            selected={props.selected.has(row.studentId)}
            tabbable={row.studentId === keys.activeId}
            onSelect={props.onSelect}
            onOpen={props.onOpen}
            onFocus={keys.onFocus}
          />
        ))}
      </ul>
    </div>
  );
}

interface StudentProps {
  row: RoomRow;
  place: number;
  of: number;
  selected: boolean;
  tabbable: boolean;
  onSelect: BoardProps["onSelect"];
  onOpen: BoardProps["onOpen"];
  onFocus: (id: string) => void;
}

const same = (a: StudentProps, b: StudentProps): boolean =>
  a.row === b.row && a.selected === b.selected && a.tabbable === b.tabbable && a.place === b.place && a.of === b.of;

const StudentTile = memo(function StudentTile({
  row,
  place,
  of,
  selected,
  tabbable,
  onSelect,
  onOpen,
  onFocus,
}: StudentProps): JSX.Element {
  const newest = row.flags.find((flag) => flag.status === "open" || flag.status === "escalated") ?? null;
  return (
    <li
      class="c-tile"
      data-worst={row.open.critical > 0 ? "critical" : row.open.warning > 0 ? "warning" : undefined}
      data-presence={row.presence}
      data-selected={selected ? "" : undefined}
      aria-setsize={of}
      aria-posinset={place}
      onClick={(event) => {
        if ((event.target as Element).closest("button, input, label, a") === null) onOpen(row.studentId);
      }}
    >
      <div class="c-tile-head">
        <button
          type="button"
          class="c-tile-name v-truncate"
          data-student={row.studentId}
          tabIndex={tabbable ? 0 : -1}
          title={row.name}
          onFocus={() => onFocus(row.studentId)}
          onClick={() => onOpen(row.studentId)}
        >
          {row.name}
        </button>
        <Select row={row} selected={selected} onSelect={onSelect} />
      </div>
      <div class="c-tile-line">
        <Presence word={row.presence} seenAt={row.seenAt} />
        {row.running ? (
          <Remaining deadline={row.attempt?.deadline ?? null} />
        ) : (
          row.attempt !== null && <Status of={row.attempt.status} />
        )}
      </div>
      {row.attempt !== null && <Integrity score={row.integrity} coverage={row.coverage} short />}
      <FlagCounts row={row} />
      {newest !== null && (
        <p class="c-tile-flag v-small v-truncate" title={newest.summary}>
          {newest.summary}
        </p>
      )}
      {!row.onRoster && <p class="c-tile-flag v-small v-soft">Off the roster</p>}
    </li>
  );
}, same);

function Select({
  row,
  selected,
  onSelect,
}: {
  row: RoomRow;
  selected: boolean;
  onSelect: BoardProps["onSelect"];
}): JSX.Element | null {
  if (row.attempt === null) return null;
  return (
    <label class="c-select">
      <span class="v-hidden">Select {row.name}</span>
      <input
        type="checkbox"
        tabIndex={-1}
        checked={selected}
        onChange={(event) => onSelect(row.studentId, event.currentTarget.checked)}
      />
    </label>
  );
}

export function Remaining({ deadline }: { deadline: number | null }): JSX.Element {
  if (deadline === null) return <span class="v-soft v-small">no deadline</span>;
  const left = deadline - now.value;
  return (
    <span class="c-left v-number" data-short={left < 5 * 60_000 ? "" : undefined}>
      {left <= 0 ? "time over" : `${formatLeft(left)} left`}
    </span>
  );
}

/** Undecided flags by shape, count and word; what is decided only as a number. */
function FlagCounts({ row }: { row: RoomRow }): JSX.Element {
  const decided = row.flags.filter((flag) => flag.status === "confirmed" || flag.status === "dismissed").length;
  const none = row.worst === null && decided === 0;
  return (
    <div class="c-flags">
      {(["critical", "warning", "normal"] as const).map(
        (severity) => row.open[severity] > 0 && <Severity key={severity} of={severity} count={row.open[severity]} />,
      )}
      {decided > 0 && <span class="v-soft v-small">{decided} decided</span>}
      {none && row.attempt !== null && <span class="v-soft v-small">no flags</span>}
    </div>
  );
}

const COLUMNS: readonly { by: Order; name: string; end?: boolean; first: "ascending" | "descending" }[] = [
  { by: "name", name: "Student", first: "ascending" },
  { by: "presence", name: "Presence", first: "ascending" },
  { by: "status", name: "Status", first: "ascending" },
  { by: "remaining", name: "Time left", first: "ascending" },
  { by: "integrity", name: "Integrity (provisional)", first: "ascending" },
  { by: "flags", name: "Flags to decide", first: "descending" },
];

interface TableProps extends BoardProps {
  readonly sorting: Signal<Sorting>;
}

export function DenseTable(props: TableProps): JSX.Element {
  const { ref, span, box } = useWindow<HTMLTableSectionElement>(props.rows.length, ROW_PX, DRAWN_WHOLE);
  const keys = useKeys(props, 1, ROW_PX, box);
  const drawn = props.rows.slice(span.start, span.end);
  useEffect(() => props.onShown(drawn), [span.start, span.end, props.rows]);
  const { sorting } = props;
  const sortBy = (by: Order, first: "ascending" | "descending"): void => {
    const { by: before, descending } = sorting.value;
    sorting.value = before === by ? { by, descending: !descending } : { by, descending: first === "descending" };
  };
  return (
    <div class="v-card v-card-flush">
      <table class="v-table c-board" aria-rowcount={props.rows.length + 1}>
        <caption class="v-hidden">
          Students of this exam. Arrow keys move, Enter opens a student, Space selects.
        </caption>
        <thead>
          <tr>
            <th class="c-col-select">
              <span class="v-hidden">Selected</span>
            </th>
            {COLUMNS.map(({ by, name, first }) => {
              const on = sorting.value.by === by;
              return (
                <th
                  key={by}
                  scope="col"
                  class={`c-col-${by}`}
                  aria-sort={on ? (sorting.value.descending ? "descending" : "ascending") : "none"}
                >
                  <button type="button" class="c-sort" onClick={() => sortBy(by, first)}>
                    {name}
                    <span class="c-sort-arrow" aria-hidden="true">
                      {on ? (sorting.value.descending ? "▼" : "▲") : ""}
                    </span>
                  </button>
                </th>
              );
            })}
            <th scope="col" class="c-col-latest">
              Latest flag
            </th>
          </tr>
        </thead>
        <tbody ref={ref} onKeyDown={keys.onKeyDown}>
          {span.start > 0 && (
            <tr class="c-gap" aria-hidden="true">
              <td colSpan={8} style={{ height: `${span.start * ROW_PX}px` }} />
            </tr>
          )}
          {drawn.map((row, index) => (
            <StudentLine
              key={row.studentId}
              row={row}
              place={span.start + index + 2}
              of={0}
              selected={props.selected.has(row.studentId)}
              tabbable={row.studentId === keys.activeId}
              onSelect={props.onSelect}
              onOpen={props.onOpen}
              onFocus={keys.onFocus}
            />
          ))}
          {span.end < props.rows.length && (
            <tr class="c-gap" aria-hidden="true">
              <td colSpan={8} style={{ height: `${(props.rows.length - span.end) * ROW_PX}px` }} />
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

const StudentLine = memo(function StudentLine({
  row,
  place,
  selected,
  tabbable,
  onSelect,
  onOpen,
  onFocus,
}: StudentProps): JSX.Element {
  const newest = row.flags[0] ?? null;
  return (
    <tr
      class="c-line"
      aria-rowindex={place}
      data-worst={row.open.critical > 0 ? "critical" : row.open.warning > 0 ? "warning" : undefined}
      data-presence={row.presence}
      data-selected={selected ? "" : undefined}
      onClick={(event) => {
        if ((event.target as Element).closest("button, input, label, a") === null) onOpen(row.studentId);
      }}
    >
      <td class="c-col-select">
        <Select row={row} selected={selected} onSelect={onSelect} />
      </td>
      <th scope="row" class="c-col-name">
        <button
          type="button"
          class="c-tile-name v-truncate"
          data-student={row.studentId}
          tabIndex={tabbable ? 0 : -1}
          title={row.name}
          onFocus={() => onFocus(row.studentId)}
          onClick={() => onOpen(row.studentId)}
        >
          {row.name}
        </button>
        {!row.onRoster && <span class="v-soft v-small"> · off the roster</span>}
      </th>
      <td class="c-col-presence">
        <Presence word={row.presence} seenAt={row.seenAt} />
      </td>
      <td class="c-col-status">
        {row.attempt === null ? <span class="v-soft">–</span> : <Status of={row.attempt.status} />}
      </td>
      <td class="c-col-remaining">
        {row.running ? <Remaining deadline={row.attempt?.deadline ?? null} /> : <span class="v-soft">–</span>}
      </td>
      <td class="c-col-integrity">
        {row.attempt === null ? (
          <span class="v-soft">–</span>
        ) : (
          <Integrity score={row.integrity} coverage={row.coverage} bare />
        )}
      </td>
      <td class="c-col-flags">
        <FlagCounts row={row} />
      </td>
      <td class="c-col-latest">
        {newest !== null && (
          <span class="c-latest v-small" title={newest.summary}>
            {newest.summary}
          </span>
        )}
      </td>
    </tr>
  );
}, same);
