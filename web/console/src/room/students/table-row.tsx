/** One student as a row of the table. */

import type { JSX } from "preact";

import { STUDENT_TABLE } from "../../texts/room.ts";
import { COMMON } from "../../texts/shell.ts";
import { StatusBadge } from "../../ui/values/badges.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";
import { memo } from "../../ui/memo.tsx";
import { Presence } from "../../ui/values/presence.tsx";
import { FlagCounts } from "./flag-counts.tsx";
import { NameButton } from "./name-button.tsx";
import { type StudentProps, isOnBackground, looksSame, shownSeverity } from "./props.ts";
import { SelectBox } from "./select-box.tsx";
import { TimeLeft } from "./time-left.tsx";

const NONE = <span class="v-soft">{COMMON.none}</span>;

function Row(props: StudentProps): JSX.Element {
  const { row, selected } = props;
  const { attempt, latest } = row;
  return (
    <tr
      class="c-line"
      aria-rowindex={props.position + 1}
      data-worst={shownSeverity(row)}
      data-presence={row.presence}
      data-selected={selected ? "" : undefined}
      onClick={(event) => {
        if (isOnBackground(event)) props.onOpen(row.studentId);
      }}
    >
      <td class="c-col-select">
        <SelectBox row={row} selected={selected} onSelect={props.onSelect} />
      </td>
      <th scope="row" class="c-col-name">
        <NameButton row={row} tabbable={props.tabbable} onOpen={props.onOpen} onFocus={props.onFocus} />
        {!row.onRoster && <span class="v-soft v-small"> · {STUDENT_TABLE.removed}</span>}
      </th>
      <td class="c-col-presence">
        <Presence state={row.presence} seenAt={row.seenAt} />
      </td>
      <td class="c-col-status">{attempt === null ? NONE : <StatusBadge status={attempt.status} />}</td>
      <td class="c-col-remaining">{row.running ? <TimeLeft deadline={attempt?.deadline ?? null} /> : NONE}</td>
      <td class="c-col-integrity">
        {attempt === null ? NONE : <Integrity score={row.integrity} coverage={row.coverage} form="table" />}
      </td>
      <td class="c-col-flags">
        <FlagCounts row={row} />
      </td>
      <td class="c-col-latest">
        {latest !== null && (
          <span class="c-latest v-small" title={latest.summary}>
            {latest.summary}
          </span>
        )}
      </td>
    </tr>
  );
}

export const TableRow = memo(Row, looksSame);
