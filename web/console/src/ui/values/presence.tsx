/** Whether a student is connected, by icon and word; for how long offline, or without a new event. */

import type { JSX } from "preact";
import { Icon, type IconName } from "@veritas/shared/ui/index.ts";
import { formatSpan } from "@veritas/shared/time.ts";
import type { PresenceState } from "../../room/rows/rows.ts";
import { now } from "../../state.ts";
import { LIMITS } from "@veritas/shared/wire/codes.ts";
import { PRESENCES, nothingNewFor } from "../../texts/words.ts";

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
        {state === "connected" && seenAt !== null && <Silence since={seenAt} />}
      </span>
    </span>
  );
}

/** A separate component, so that only the time is drawn again every second. */
function Since({ at }: { at: number }): JSX.Element {
  return <span class="v-soft v-number"> · {formatSpan(Math.max(0, now.value - at))}</span>;
}

/** Only a client that sends nothing although it is connected gets these words. */
function Silence({ since }: { since: number }): JSX.Element | null {
  const silentMs = now.value - since;
  if (silentMs < LIMITS.SILENT_MS) return null;
  return <span class="v-soft v-number"> · {nothingNewFor(formatSpan(silentMs))}</span>;
}
