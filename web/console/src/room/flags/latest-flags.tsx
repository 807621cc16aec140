/** The latest flags of the room, the newest first. Shown beside the students on wide screens. */

import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { formatTime } from "@veritas/shared/time.ts";
import { Severity } from "@veritas/shared/ui/index.ts";
import type { FlagRow } from "../../board/frames.ts";
import type { LiveBoard } from "../../board/live-board.ts";
import { decisionText, ruleText } from "../../format/names.ts";
import { LATEST_FLAGS } from "../../texts/room.ts";
import { type RoomRow, isUndecided, latestFlags } from "../rows/rows.ts";

const SHOWN = 20;

interface LatestFlagsProps {
  board: LiveBoard;
  onOpen: (studentId: string) => void;
}

export function LatestFlags({ board, onOpen }: LatestFlagsProps): JSX.Element {
  const latest = useComputed(() => latestFlags(board.rows.value.values(), SHOWN));
  return (
    <aside class="c-latest-flags" aria-labelledby="latest-flags">
      <h2 id="latest-flags">{LATEST_FLAGS.title}</h2>
      {latest.value.length === 0 ? (
        <p class="v-soft v-small">{LATEST_FLAGS.empty}</p>
      ) : (
        <ol class="c-latest-flags-list">
          {latest.value.map(({ flag, row }) => (
            <LatestFlag key={flag.flag_id} flag={flag} row={row} onOpen={onOpen} />
          ))}
        </ol>
      )}
    </aside>
  );
}

interface LatestFlagProps {
  flag: FlagRow;
  row: RoomRow;
  onOpen: (studentId: string) => void;
}

function LatestFlag({ flag, row, onOpen }: LatestFlagProps): JSX.Element {
  const isDecided = !isUndecided(flag);
  return (
    <li data-decided={isDecided ? "" : undefined}>
      <button type="button" onClick={() => onOpen(row.studentId)}>
        <span class="v-spread">
          <span class="v-strong v-truncate">{row.name}</span>
          <span class="v-soft v-small v-number">{formatTime(flag.raised_at)}</span>
        </span>
        <span class="v-row-s">
          <Severity of={flag.severity} />
          <span class="v-small v-strong">{ruleText(flag.rule)}</span>
        </span>
        <span class="v-small v-soft">{flag.summary}</span>
        {isDecided && <span class="v-small v-strong">{decisionText(flag.status)}</span>}
      </button>
    </li>
  );
}
