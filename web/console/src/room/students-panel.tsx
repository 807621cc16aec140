/** The students of the room with their controls: tiles or table, what is selected, or that no student matches. */

import { batch } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Empty } from "@veritas/shared/ui/index.ts";
import { count } from "../format/numbers.ts";
import { ROOM } from "../texts/room.ts";
import { Controls } from "./controls.tsx";
import { defaultLayout } from "./layout-choice.ts";
import type { RoomState } from "./room-state.ts";
import { StudentTable } from "./students/table.tsx";
import { Tiles } from "./students/tiles.tsx";

export function StudentsPanel({ state }: { state: RoomState }): JSX.Element {
  const { filter, counts, query, sorting, chosenLayout, selected, isHeld } = state;
  const layout = chosenLayout.value ?? defaultLayout(state.board.rows.value.size);
  return (
    <section class="v-stack c-room-board" aria-label={ROOM.students}>
      <Controls
        filter={filter}
        counts={counts.value}
        query={query}
        sorting={sorting}
        layout={layout}
        chosenLayout={chosenLayout}
      />
      {selected.value.size > 0 && (
        <div class="c-selection" role="status">
          <span class="v-strong">{ROOM.selected(count(selected.value.size, "student"))}</span>
          <Button size="small" variant="quiet" onClick={() => (selected.value = new Set())}>
            {ROOM.clear}
          </Button>
        </div>
      )}
      <div onPointerEnter={() => (isHeld.value = true)} onPointerLeave={() => (isHeld.value = false)}>
        <Students state={state} isTable={layout === "table"} />
      </div>
    </section>
  );
}

function Students({ state, isTable }: { state: RoomState; isTable: boolean }): JSX.Element {
  const { rows, selected, select, open, onVisible, sorting } = state;
  if (rows.value.length === 0) return <NoMatch state={state} />;
  const props = { rows: rows.value, selected: selected.value, onSelect: select, onOpen: open, onVisible };
  return isTable ? <StudentTable {...props} sorting={sorting} /> : <Tiles {...props} />;
}

function NoMatch({ state: { filter, query } }: { state: RoomState }): JSX.Element {
  const showAll = (): void =>
    batch(() => {
      filter.value = "all";
      query.value = "";
    });
  return (
    <div class="v-card">
      <Empty title={ROOM.noMatch}>
        <Button onClick={showAll}>{ROOM.showAll}</Button>
      </Empty>
    </div>
  );
}
