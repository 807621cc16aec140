/** The latest flags of the room, the newest first; beside the board where there is room. */

import { useComputed } from "@preact/signals";
import type { JSX } from "preact";
import { Severity } from "@veritas/shared/ui/index.ts";
import { formatTime } from "@veritas/shared/time.ts";
import type { Room } from "../board/live-board.ts";
import { isUndecided, latestFlags } from "./board/rows.ts";
import { decisionText, ruleText } from "../format/format.ts";

const SHOWN = 20;

export function NewsPanel({ room, onOpen }: { room: Room; onOpen: (studentId: string) => void }): JSX.Element {
  const latest = useComputed(() => latestFlags(room.rows.value.values(), SHOWN));
  return (
    <aside class="c-news" aria-labelledby="news">
      <h2 id="news">Latest flags</h2>
      {latest.value.length === 0 ? (
        <p class="v-soft v-small">Nothing was concluded so far.</p>
      ) : (
        <ol class="c-news-list">
          {latest.value.map(({ flag, row }) => (
            <li key={flag.flag_id} data-decided={isUndecided(flag) ? undefined : ""}>
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
                {!isUndecided(flag) && <span class="v-small v-strong">{decisionText(flag.status)}</span>}
              </button>
            </li>
          ))}
        </ol>
      )}
    </aside>
  );
}
