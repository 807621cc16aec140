/** Flags raised while this page is open, the newest first; beside the board where there is room. */

import type { JSX } from "preact";
import { Severity } from "@veritas/shared/ui.tsx";
import { formatTime } from "@veritas/shared/time.ts";
import type { Room } from "../live/room.ts";
import { ruleText } from "../text/format.ts";

const SHOWN = 25;

export function NewsPanel({ room, onOpen }: { room: Room; onOpen: (studentId: string) => void }): JSX.Element {
  const news = room.news.value.slice(0, SHOWN);
  return (
    <aside class="c-news" aria-labelledby="news">
      <h2 id="news">Just in</h2>
      {news.length === 0 ? (
        <p class="v-soft v-small">Flags raised while you watch stand here, the newest first.</p>
      ) : (
        <ol class="c-news-list">
          {news.map(({ flag, studentId, name }) => {
            const standing = room.board?.flags.get(flag.flag_id) ?? flag;
            return (
              <li key={flag.flag_id} data-decided={standing.status === "open" ? undefined : ""}>
                <button type="button" onClick={() => onOpen(studentId)}>
                  <span class="v-spread">
                    <span class="v-strong v-truncate">{name}</span>
                    <span class="v-soft v-small v-number">{formatTime(flag.raised_at)}</span>
                  </span>
                  <span class="v-row-s">
                    <Severity of={flag.severity} />
                    <span class="v-small v-strong">{ruleText(flag.rule)}</span>
                  </span>
                  <span class="v-small v-soft">{flag.summary}</span>
                </button>
              </li>
            );
          })}
        </ol>
      )}
    </aside>
  );
}
