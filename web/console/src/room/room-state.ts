/** The state of the room page: which students are shown, in which order, which are selected, and whose drawer is open. */

import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import { go, search } from "@veritas/shared/route.ts";
import type { LiveBoard } from "../board/live-board.ts";
import { connection } from "../state.ts";
import { type Layout, readLayout } from "./layout-choice.ts";
import type { RoomRow } from "./rows/rows.ts";
import { type Filter, type Sorting, arrange, countFilters, keepOrder } from "./rows/sorting.ts";

/** The hub accepts this many attempts in a focus frame. */
const FOCUS_LIMIT = 200;
const ATTENTION_FIRST: Sorting = { by: "attention", descending: true };

export interface RoomState {
  readonly board: LiveBoard;
  readonly filter: Signal<Filter>;
  readonly query: Signal<string>;
  readonly sorting: Signal<Sorting>;
  readonly chosenLayout: Signal<Layout | null>;
  readonly selected: Signal<ReadonlySet<string>>;
  /** While the user points at the students, they keep their places. */
  readonly isHeld: Signal<boolean>;
  readonly counts: ReadonlySignal<Record<Filter, number>>;
  readonly rows: ReadonlySignal<readonly RoomRow[]>;
  /** The row of the student whose drawer is open. */
  readonly opened: RoomRow | null;
  readonly open: (studentId: string | null) => void;
  readonly select: (studentId: string, on: boolean) => void;
  readonly onVisible: (rows: readonly RoomRow[]) => void;
}

/** Follow the board of an exam as long as the page is shown. */
function useBoard(examId: string): LiveBoard {
  const { owner, board } = useMemo(() => {
    const owner = connection();
    return { owner, board: owner.open(examId) };
  }, [examId]);
  // Leave the connection that was opened: the cleanup may run after the user has signed in again.
  useEffect(() => () => owner.leave(examId), [owner, examId]);
  return board;
}

export function useRoomState(examId: string): RoomState {
  const board = useBoard(examId);
  const filter = useSignal<Filter>("all");
  const query = useSignal("");
  const sorting = useSignal<Sorting>(ATTENTION_FIRST);
  const chosenLayout = useSignal<Layout | null>(readLayout());
  const selected = useSignal<ReadonlySet<string>>(new Set());
  const isHeld = useSignal(false);
  const order = useRef<readonly string[] | null>(null);
  const counts = useComputed(() => countFilters(board.rows.value.values()));
  const rows = useComputed(() => {
    const arranged = arrange(board.rows.value.values(), filter.value, query.value, sorting.value);
    const shown = isHeld.value && order.current !== null ? keepOrder(arranged, order.current) : arranged;
    order.current = shown.map((row) => row.studentId);
    return shown;
  });
  const open = useCallback(
    (student: string | null) => {
      const query = student === null ? "" : `?student=${encodeURIComponent(student)}`;
      go(`/console/exams/${examId}${query}`, { replace: true });
    },
    [examId],
  );
  const select = useCallback((student: string, on: boolean) => {
    const next = new Set(selected.peek());
    if (on) next.add(student);
    else next.delete(student);
    selected.value = next;
  }, []);
  const onVisible = useCallback(
    (visible: readonly RoomRow[]) => connection().focus(examId, board.ixOf(visible).slice(0, FOCUS_LIMIT)),
    [examId],
  );
  const openedId = new URLSearchParams(search.value).get("student");
  const opened = openedId === null ? null : (board.rows.value.get(openedId) ?? null);
  return {
    board,
    filter,
    query,
    sorting,
    chosenLayout,
    selected,
    isHeld,
    counts,
    rows,
    opened,
    open,
    select,
    onVisible,
  };
}
