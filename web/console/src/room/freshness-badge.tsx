/** Shows how old the board is, and buttons to reconnect. Always visible in the room. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button, Icon, announce } from "@veritas/shared/ui/index.ts";
import type { LiveBoard } from "../board/live-board.ts";
import { connection, now } from "../state.ts";
import { FRESHNESS } from "../texts/room.ts";
import { freshness } from "./freshness.ts";

export function FreshnessBadge({ board }: { board: LiveBoard }): JSX.Element {
  const { state, ageMs } = connection();
  // Read the clock, so that the age grows every second.
  void now.value;
  const { tone, text, detail } = freshness(state.value, ageMs.value, performance.now(), board.liveSince.value);
  const previous = useRef(tone);
  useEffect(() => {
    if (previous.current !== tone) announce(tone === "good" ? FRESHNESS.liveAgain : FRESHNESS.noLongerLive);
    previous.current = tone;
  }, [tone]);
  return (
    <span class="c-freshness">
      <span
        class="v-badge c-live"
        data-tone={tone}
        data-live={tone === "good" ? "" : undefined}
        title={detail ?? undefined}
      >
        {tone === "good" ? (
          <span class="c-live-dot" aria-hidden="true" />
        ) : (
          <Icon name={tone === "critical" ? "critical" : "warning"} size={14} />
        )}
        <span class="v-number">{text}</span>
      </span>
      {detail !== null && <span class="v-small">{detail}</span>}
      {state.value.kind === "waiting" && (
        <Button size="small" variant="quiet" onClick={() => connection().hurry()}>
          {FRESHNESS.tryNow}
        </Button>
      )}
      {state.value.kind === "closed" && (
        <Button size="small" variant="quiet" onClick={() => location.reload()}>
          {FRESHNESS.reload}
        </Button>
      )}
    </span>
  );
}
