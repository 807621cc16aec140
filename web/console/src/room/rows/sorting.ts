/** Filters, searches and sorts the rows of the room. Pure. */

import type { PresenceState, RoomRow } from "./rows.ts";

export type Filter = "all" | "attention" | "in_progress" | "offline" | "not_started" | "finished";
export type SortKey = "attention" | "name" | "status" | "presence" | "remaining" | "integrity" | "flags";
export interface Sorting {
  readonly by: SortKey;
  readonly descending: boolean;
}

const FILTERS: Readonly<Record<Filter, (row: RoomRow) => boolean>> = {
  all: () => true,
  attention: (row) => row.open.critical + row.open.warning > 0,
  in_progress: (row) => row.running,
  offline: (row) => row.presence === "offline",
  not_started: (row) => row.attempt === null,
  finished: (row) => row.attempt !== null && !row.running,
};

/** The number of rows that each filter shows. */
export function countFilters(rows: Iterable<RoomRow>): Record<Filter, number> {
  const counts = { all: 0, attention: 0, in_progress: 0, offline: 0, not_started: 0, finished: 0 };
  for (const row of rows) {
    for (const filter of Object.keys(counts) as Filter[]) if (FILTERS[filter](row)) counts[filter] += 1;
  }
  return counts;
}

/** The rows to show, in order. Equal rows are sorted by name, so that they keep their places. */
export function arrange(rows: Iterable<RoomRow>, filter: Filter, query: string, sorting: Sorting): RoomRow[] {
  const wanted = plain(query.trim());
  const shown: RoomRow[] = [];
  for (const row of rows) {
    if (FILTERS[filter](row) && (wanted === "" || plain(row.name).includes(wanted))) shown.push(row);
  }
  const sign = sorting.descending ? -1 : 1;
  const compare = COMPARE[sorting.by];
  return shown.sort((a, b) => sign * compare(a, b) || byName(a, b));
}

/** Keep rows in this order of students while the user points at them. Students without a place come last. */
export function keepOrder(rows: readonly RoomRow[], order: readonly string[]): RoomRow[] {
  const places = new Map(order.map((id, index) => [id, index]));
  const placeOf = (row: RoomRow): number => places.get(row.studentId) ?? order.length;
  return [...rows].sort((a, b) => placeOf(a) - placeOf(b));
}

const names = new Intl.Collator("en", { numeric: true });
const PRESENCE_ORDER: Readonly<Record<PresenceState, number>> = {
  offline: 0,
  connected: 1,
  unknown: 2,
  not_started: 3,
  finished: 4,
};

const COMPARE: Readonly<Record<SortKey, (a: RoomRow, b: RoomRow) => number>> = {
  attention: (a, b) => a.attention - b.attention || Number(a.running) - Number(b.running),
  name: (a, b) => names.compare(a.name, b.name),
  status: (a, b) => (a.attempt?.status ?? "").localeCompare(b.attempt?.status ?? ""),
  presence: (a, b) => PRESENCE_ORDER[a.presence] - PRESENCE_ORDER[b.presence],
  remaining: (a, b) => deadline(a) - deadline(b),
  integrity: (a, b) => (a.integrity ?? 2) - (b.integrity ?? 2),
  flags: (a, b) => flagWeight(a) - flagWeight(b),
};

function deadline(row: RoomRow): number {
  return row.running ? (row.attempt?.deadline ?? Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER;
}

function flagWeight(row: RoomRow): number {
  return row.open.critical * 10_000 + row.open.warning * 100 + row.flags.length;
}

function byName(a: RoomRow, b: RoomRow): number {
  return names.compare(a.name, b.name) || (a.studentId < b.studentId ? -1 : 1);
}

/** Without accents and in lower case. */
function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
