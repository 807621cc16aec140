/** Properties that tiles and table share. */

import type { RoomRow } from "../rows/rows.ts";

export interface StudentsProps {
  readonly rows: readonly RoomRow[];
  readonly selected: ReadonlySet<string>;
  readonly onSelect: (studentId: string, on: boolean) => void;
  readonly onOpen: (studentId: string) => void;
  /** Called with the rows on the screen. */
  readonly onVisible: (rows: readonly RoomRow[]) => void;
}

export interface StudentProps {
  readonly row: RoomRow;
  /** From 1. */
  readonly position: number;
  readonly total: number;
  readonly selected: boolean;
  /** Whether Tab reaches it. */
  readonly tabbable: boolean;
  readonly onSelect: StudentsProps["onSelect"];
  readonly onOpen: StudentsProps["onOpen"];
  readonly onFocus: (studentId: string) => void;
}

/** Whether a student looks the same: then it is not drawn again. */
export function looksSame(a: StudentProps, b: StudentProps): boolean {
  return (
    a.row === b.row &&
    a.selected === b.selected &&
    a.tabbable === b.tabbable &&
    a.position === b.position &&
    a.total === b.total
  );
}

/** The severity that colors a student: notes do not. */
export function shownSeverity(row: RoomRow): "critical" | "warning" | undefined {
  return row.worst === "normal" || row.worst === null ? undefined : row.worst;
}

/** Whether a click was on the tile or row itself, not on a control in it. */
export function isOnBackground(event: MouseEvent): boolean {
  return (event.target as Element).closest("button, input, label, a") === null;
}
