/** The room: everybody of one exam, live. What is shown says how old it is; what is ordered says what came of it. */

import { batch, useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import { announce, Button, Empty, Icon, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import { go, search } from "@veritas/shared/route.ts";
import { type Filter, type RoomRow, type Sorting, arrange, countFilters } from "./board/rows.ts";
import { useLoad } from "../rest/load.ts";
import { DenseTable, Tiles } from "./board/board.tsx";
import { Drawer } from "./student/drawer.tsx";
import { ExamNav } from "../ui/exam-nav.tsx";
import { FreshnessPill } from "./freshness-badge.tsx";
import { MessageDialog } from "./commands/commands.tsx";
import { NewsPanel } from "./latest-flags.tsx";
import { Page } from "../ui/page.tsx";
import type { ExamView } from "../rest/types.ts";
import { live } from "../state.ts";
import { count, length } from "../format/format.ts";

type View = "tiles" | "table";

const FILTERS: readonly { key: Filter; name: string }[] = [
  { key: "all", name: "All" },
  { key: "attention", name: "Need a look" },
  { key: "running", name: "At work" },
  { key: "gone", name: "Offline" },
  { key: "never", name: "Not started" },
  { key: "over", name: "Finished" },
];

const FOCUS_MOST = 200;
const ATTENTION: Sorting = { by: "attention", descending: true };

export function RoomPage({ examId }: { examId: string }): JSX.Element {
  const room = useMemo(() => live().open(examId), [examId]);
  useEffect(() => () => live().leave(examId), [examId]);
  const exam = useLoad<ExamView>(`/exams/${examId}`);
  const filter = useSignal<Filter>("all");
  const query = useSignal("");
  const sorting = useSignal<Sorting>(ATTENTION);
  const view = useSignal<View | null>(readView());
  const selected = useSignal<ReadonlySet<string>>(new Set());
  const messaging = useSignal(false);
  const held = useRef<readonly string[] | null>(null);
  const hold = useSignal(false);

  const counts = useComputed(() => countFilters(room.rows.value.values()));
  const rows = useComputed(() => {
    const found = arrange(room.rows.value.values(), filter.value, query.value, sorting.value);
    const order = hold.value ? (held.current ?? found.map((row) => row.studentId)) : null;
    const shown = order === null ? found : keepOrder(found, order);
    held.current = shown.map((row) => row.studentId);
    return shown;
  });
  useNews(room);

  const opened = new URLSearchParams(search.value).get("student");
  const open = useCallback(
    (student: string | null) => {
      go(`/console/exams/${examId}${student === null ? "" : `?student=${encodeURIComponent(student)}`}`, {
        replace: true,
      });
    },
    [examId],
  );
  const select = useCallback((student: string, on: boolean) => {
    const next = new Set(selected.peek());
    if (on) next.add(student);
    else next.delete(student);
    selected.value = next;
  }, []);
  const shown = useCallback(
    (visible: readonly RoomRow[]) => live().focus(examId, room.ixOf(visible).slice(0, FOCUS_MOST)),
    [examId],
  );

  const title = room.exam.value?.title ?? exam.state.value.data?.title ?? "Room";
  const permissions = exam.state.value.data?.permissions ?? null;
  const total = room.rows.value.size;
  const layout: View = view.value ?? (total > 60 ? "table" : "tiles");
  const board = { rows: rows.value, selected: selected.value, onSelect: select, onOpen: open, onShown: shown };
  return (
    <Page
      title={title}
      wide
      above={[["/console/exams", "Exams"]]}
      about={
        <div class="v-row-s v-soft">
          <FreshnessPill room={room} />
          {room.exam.value !== null && (
            <span>
              {count(total, "student")} · {length(room.exam.value.duration_minutes)} · integrity is provisional while
              the exam runs
            </span>
          )}
        </div>
      }
      actions={
        (permissions === null || permissions.includes("can_invigilate")) && (
          <Button
            icon="message"
            variant="primary"
            disabled={counts.value.running === 0}
            onClick={() => (messaging.value = true)}
          >
            {selected.value.size > 0 ? `Message ${count(selected.value.size, "student")}` : "Message all"}
          </Button>
        )
      }
    >
      <ExamNav examId={examId} at="room" may={permissions} />
      {room.refused.value !== null && (
        <Notice tone="info" role="alert">
          You may not watch this exam, or there is none at this address.
        </Notice>
      )}
      {room.exam.value === null && room.refused.value === null && <Spinner label="Fetching the board…" />}
      {room.exam.value !== null && total === 0 && (
        <div class="v-card">
          <Empty title="Nobody is on the roster yet">
            <a class="v-button" href={`/console/exams/${examId}/setup/roster`}>
              Fill the roster
            </a>
          </Empty>
        </div>
      )}
      {total > 0 && (
        <div class="c-room">
          <section class="v-stack c-room-board" aria-label="Students">
            <Controls
              filter={filter}
              counts={counts.value}
              query={query}
              sorting={sorting}
              layout={layout}
              view={view}
            />
            {selected.value.size > 0 && (
              <div class="c-selection" role="status">
                <span class="v-strong">{count(selected.value.size, "student")} selected</span>
                <Button size="small" variant="quiet" onClick={() => (selected.value = new Set())}>
                  Clear
                </Button>
              </div>
            )}
            <div onPointerEnter={() => (hold.value = true)} onPointerLeave={() => (hold.value = false)}>
              {rows.value.length === 0 ? (
                <div class="v-card">
                  <Empty title="Nobody matches">
                    <Button
                      onClick={() =>
                        batch(() => {
                          filter.value = "all";
                          query.value = "";
                        })
                      }
                    >
                      Show all
                    </Button>
                  </Empty>
                </div>
              ) : layout === "tiles" ? (
                <Tiles {...board} />
              ) : (
                <DenseTable {...board} sorting={sorting} />
              )}
            </div>
          </section>
          <NewsPanel room={room} onOpen={open} />
        </div>
      )}
      <MessageDialog
        examId={examId}
        open={messaging.value}
        onClose={() => (messaging.value = false)}
        to={selected.value.size === 0 ? "all" : [...selected.value].flatMap((id) => room.rows.value.get(id) ?? [])}
        running={counts.value.running}
      />
      <Drawer
        room={room}
        row={opened === null ? null : (room.rows.value.get(opened) ?? null)}
        may={permissions}
        onClose={() => open(null)}
      />
    </Page>
  );
}

/** Rows stay where they are while somebody points at them; newcomers go to the end. */
function keepOrder(rows: readonly RoomRow[], order: readonly string[]): RoomRow[] {
  const place = new Map(order.map((id, index) => [id, index]));
  return [...rows].sort((a, b) => (place.get(a.studentId) ?? order.length) - (place.get(b.studentId) ?? order.length));
}

/** Says new flags of weight, several at once as one sentence. */
function useNews(room: ReturnType<ReturnType<typeof live>["open"]>): void {
  const heard = useRef<string | null>(null);
  const news = room.news.value;
  useEffect(() => {
    const end = news.findIndex(({ flag }) => flag.flag_id === heard.current);
    const fresh = (end === -1 ? news : news.slice(0, end)).filter(({ flag }) => flag.severity !== "normal");
    heard.current = news[0]?.flag.flag_id ?? null;
    const first = fresh[0];
    if (first === undefined) return;
    const rest = fresh.length > 1 ? `, and ${fresh.length - 1} more` : "";
    announce(`New ${first.flag.severity} flag: ${first.name}. ${first.flag.summary}${rest}`);
  }, [news]);
}

interface ControlsProps {
  filter: { value: Filter };
  counts: Record<Filter, number>;
  query: { value: string };
  sorting: { value: Sorting };
  layout: View;
  view: { value: View | null };
}

function Controls({ filter, counts, query, sorting, layout, view }: ControlsProps): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing = (event.target as Element).closest("input, textarea, select, dialog") !== null;
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        field.current?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const choose = (next: View): void => {
    view.value = next;
    keepView(next);
  };
  return (
    <div class="c-controls">
      <div class="c-chips" role="group" aria-label="Show">
        {FILTERS.map(({ key, name }) => (
          <button
            key={key}
            type="button"
            class="c-chip"
            data-filter={key}
            data-some={counts[key] > 0 ? "" : undefined}
            aria-pressed={filter.value === key}
            onClick={() => (filter.value = key)}
          >
            {key === "attention" && <Icon name="warning" size={14} />}
            {key === "gone" && <Icon name="offline" size={14} />}
            {name} <span class="c-chip-count v-number">{counts[key]}</span>
          </button>
        ))}
      </div>
      <div class="c-tools">
        <label class="c-search">
          <Icon name="search" size={16} />
          <span class="v-hidden">Search a student</span>
          <input
            ref={field}
            class="v-input"
            type="search"
            placeholder="Search a student ( / )"
            value={query.value}
            onInput={(event) => (query.value = event.currentTarget.value)}
          />
        </label>
        <label class="c-order">
          <span class="v-soft v-small">Order</span>
          <select
            class="v-input"
            value={sorting.value.by}
            onChange={(event) => {
              const by = event.currentTarget.value as Sorting["by"];
              sorting.value = { by, descending: by === "attention" || by === "flags" };
            }}
          >
            <option value="attention">Attention first</option>
            <option value="name">Name</option>
            <option value="presence">Offline first</option>
            <option value="remaining">Least time first</option>
            <option value="integrity">Lowest integrity first</option>
            <option value="flags">Most flags first</option>
            <option value="status">Status</option>
          </select>
        </label>
        <div class="c-switch" role="group" aria-label="Layout">
          <button type="button" aria-pressed={layout === "tiles"} onClick={() => choose("tiles")}>
            Tiles
          </button>
          <button type="button" aria-pressed={layout === "table"} onClick={() => choose("table")}>
            Table
          </button>
        </div>
      </div>
    </div>
  );
}

const VIEW_KEY = "veritas.console.view";

function readView(): View | null {
  try {
    const kept = localStorage.getItem(VIEW_KEY);
    return kept === "tiles" || kept === "table" ? kept : null;
  } catch {
    return null;
  }
}

function keepView(view: View): void {
  try {
    localStorage.setItem(VIEW_KEY, view);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
