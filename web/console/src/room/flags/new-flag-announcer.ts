/** Announces new flags above notes to screen readers; several at once as one sentence. */

import { useEffect, useRef } from "preact/hooks";
import { announce } from "@veritas/shared/ui/index.ts";
import type { LiveBoard, NewFlag } from "../../board/live-board.ts";
import { ROOM } from "../../texts/room.ts";

/** The flags after the last announced one; the list has the newest first. Notes are left out. Pure. */
export function flagsToAnnounce(flags: readonly NewFlag[], lastId: string | null): readonly NewFlag[] {
  const end = flags.findIndex(({ flag }) => flag.flag_id === lastId);
  return (end === -1 ? flags : flags.slice(0, end)).filter(({ flag }) => flag.severity !== "normal");
}

export function useNewFlagAnnouncer(board: LiveBoard): void {
  const lastId = useRef<string | null>(null);
  const flags = board.newFlags.value;
  useEffect(() => {
    const fresh = flagsToAnnounce(flags, lastId.current);
    lastId.current = flags[0]?.flag.flag_id ?? null;
    const first = fresh[0];
    if (first === undefined) return;
    announce(ROOM.newFlag(first.flag.severity, first.name, first.flag.summary, fresh.length - 1));
  }, [flags]);
}
