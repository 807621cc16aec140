/** The state of one attempt in the drawer: status, presence, integrity, time left and events. */

import type { JSX } from "preact";
import { formatAgo } from "@veritas/shared/time.ts";
import type { AttemptRow } from "../../board/frames.ts";
import { count } from "../../format/numbers.ts";
import { now } from "../../state.ts";
import { DRAWER, STUDENT_TABLE } from "../../texts/room.ts";
import { COMMON } from "../../texts/shell.ts";
import { StatusBadge } from "../../ui/values/badges.tsx";
import { Figure } from "../../ui/values/figure.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";
import { Presence } from "../../ui/values/presence.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { TimeLeft } from "../students/time-left.tsx";

export function Figures({ row, attempt }: { row: RoomRow; attempt: AttemptRow }): JSX.Element {
  return (
    <>
      <div class="v-row-s">
        <StatusBadge status={attempt.status} />
        <Presence state={row.presence} seenAt={row.seenAt} />
        {attempt.waived && <span class="v-badge">{DRAWER.waived}</span>}
        {!row.onRoster && <span class="v-badge">{STUDENT_TABLE.removed}</span>}
      </div>
      <dl class="c-numbers">
        <div class="c-two">
          <dt>{row.running ? DRAWER.provisional : DRAWER.integrity}</dt>
          <dd>
            <Integrity score={row.integrity} coverage={row.coverage} />
          </dd>
        </div>
        <div>
          <dt>{DRAWER.time}</dt>
          <dd>{row.running ? <TimeLeft deadline={attempt.deadline} /> : DRAWER.over}</dd>
        </div>
        <Figure name={DRAWER.recorded}>{row.events === null ? COMMON.none : count(row.events, "event")}</Figure>
        <Figure name={DRAWER.lastSeen}>{row.seenAt === null ? COMMON.none : formatAgo(now.value - row.seenAt)}</Figure>
      </dl>
      {row.integrity === null && <p class="v-small v-soft">{DRAWER.notEnough}</p>}
    </>
  );
}
