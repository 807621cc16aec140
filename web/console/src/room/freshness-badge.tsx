/** How old the board is, always in sight. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { announce, Button, Icon } from "@veritas/shared/ui/index.ts";
import { freshness } from "./freshness.ts";
import type { Room } from "../board/live-board.ts";
import { live, now } from "../state.ts";

export function FreshnessPill({ room }: { room: Room }): JSX.Element {
  const console = live();
  const state = console.link.value;
  // Read, so that the words grow older with the second hand.
  void now.value;
  const { tone, text, detail } = freshness(state, console.ageMs.value, performance.now(), room.liveSince.value);
  const was = useRef(tone);
  useEffect(() => {
    if (was.current !== tone) announce(tone === "good" ? "The board is live again." : "The board is not live.");
    was.current = tone;
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
          <span class="c-pulse" aria-hidden="true" />
        ) : (
          <Icon name={tone === "critical" ? "critical" : "warning"} size={14} />
        )}
        <span class="v-number">{text}</span>
      </span>
      {detail !== null && <span class="v-small">{detail}</span>}
      {state.kind === "waiting" && (
        <Button size="small" variant="quiet" onClick={() => console.hurry()}>
          Try now
        </Button>
      )}
      {state.kind === "over" && (
        <Button size="small" variant="quiet" onClick={() => location.reload()}>
          Load again
        </Button>
      )}
    </span>
  );
}
