/** One student as a tile. */

import type { JSX } from "preact";

import { STUDENT_TABLE } from "../../texts/room.ts";
import { StatusBadge } from "../../ui/values/badges.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";
import { memo } from "../../ui/memo.tsx";
import { Presence } from "../../ui/values/presence.tsx";
import { FlagCounts } from "./flag-counts.tsx";
import { NameButton } from "./name-button.tsx";
import { type StudentProps, isOnBackground, looksSame, shownSeverity } from "./props.ts";
import { SelectBox } from "./select-box.tsx";
import { TimeLeft } from "./time-left.tsx";

function Tile(props: StudentProps): JSX.Element {
  const { row, selected } = props;
  return (
    <li
      class="c-tile"
      data-worst={shownSeverity(row)}
      data-presence={row.presence}
      data-selected={selected ? "" : undefined}
      aria-setsize={props.total}
      aria-posinset={props.position}
      onClick={(event) => {
        if (isOnBackground(event)) props.onOpen(row.studentId);
      }}
    >
      <div class="c-tile-head">
        <NameButton row={row} tabbable={props.tabbable} onOpen={props.onOpen} onFocus={props.onFocus} />
        <SelectBox row={row} selected={selected} onSelect={props.onSelect} />
      </div>
      <div class="c-tile-line">
        <Presence state={row.presence} seenAt={row.seenAt} />
        {row.running ? (
          <TimeLeft deadline={row.attempt?.deadline ?? null} />
        ) : (
          row.attempt !== null && <StatusBadge status={row.attempt.status} />
        )}
      </div>
      {row.attempt !== null && <Integrity score={row.integrity} coverage={row.coverage} form="tile" />}
      <FlagCounts row={row} />
      {row.latest !== null && (
        <p class="c-tile-flag v-small v-truncate" title={row.latest.summary}>
          {row.latest.summary}
        </p>
      )}
      {!row.onRoster && <p class="c-tile-flag v-small v-soft">{STUDENT_TABLE.removed}</p>}
    </li>
  );
}

export const StudentTile = memo(Tile, looksSame);
