/** Whether a student is connected, by icon and word; if offline, for how long. */

import type { JSX } from "preact";
import { Icon, type IconName } from "@veritas/shared/ui/index.ts";
import { formatSpan } from "@veritas/shared/time.ts";
import type { PresenceState } from "../../room/rows/rows.ts";
import { now } from "../../state.ts";
import { PRESENCES } from "../../texts/words.ts";

const ICONS: Readonly<Record<PresenceState, IconName>> = {
  connected: "online",
  offline: "offline",
  not_started: "clock",
  finished: "check",
  unknown: "clock",
};

export function Presence({ state, seenAt }: { state: PresenceState; seenAt: number | null }): JSX.Element {
  return (
    <span class="c-presence" data-presence={state}>
      <Icon name={ICONS[state]} size={16} />
      <span>
        {PRESENCES[state]}
        {state === "offline" && seenAt !== null && <Since at={seenAt} />}
      </span>
    </span>
  );
}

/** A separate component, so that only the time is drawn again every second. */
function Since({ at }: { at: number }): JSX.Element {
  return <span class="v-soft v-number"> · {formatSpan(Math.max(0, now.value - at))}</span>;
}
