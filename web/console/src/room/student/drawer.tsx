/** One student of the room, close up: where they stand, flags and evidence, the timeline, and what can be ordered. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { formatAgo } from "@veritas/shared/time.ts";
import { Button, Dialog, Empty, Tabs } from "@veritas/shared/ui/index.ts";
import { decideLive } from "../../review/flags/decisions.ts";
import type { Room } from "../../board/live-board.ts";
import type { RoomRow } from "../board/rows.ts";
import type { Permission } from "../../rest/types.ts";
import { now } from "../../state.ts";
import { count, instructionText } from "../../format/format.ts";
import { Remaining } from "../board/board.tsx";
import { FlagCard } from "../../review/flags/flag-card.tsx";
import { EndDialog, MessageDialog } from "../commands/commands.tsx";
import { Timeline } from "../../review/timeline/timeline.tsx";
import { Integrity, Presence, Status } from "../../ui/words.tsx";

interface DrawerProps {
  room: Room;
  row: RoomRow | null;
  may: readonly Permission[] | null;
  onClose: () => void;
}

export function Drawer({ room, row, may, onClose }: DrawerProps): JSX.Element {
  return (
    <Dialog side title={row?.name ?? ""} open={row !== null} onClose={onClose}>
      {row !== null && <Student key={row.studentId} room={room} row={row} may={may} />}
    </Dialog>
  );
}

type Tab = "flags" | "timeline";

function Student({ room, row, may }: { room: Room; row: RoomRow; may: readonly Permission[] | null }): JSX.Element {
  const tab = useSignal<Tab>("flags");
  const messaging = useSignal(false);
  const ending = useSignal(false);
  const { attempt } = row;
  const can = (permission: Permission): boolean => may === null || may.includes(permission);
  useEffect(() => {
    if (attempt === null) messaging.value = false;
  }, [attempt]);
  if (attempt === null) {
    return (
      <div class="v-stack">
        <Presence word={row.presence} seenAt={row.seenAt} />
        <Empty title="Has not started yet">
          <p>{row.onRoster ? "On the roster; nothing is recorded before the start." : "No longer on the roster."}</p>
        </Empty>
      </div>
    );
  }
  return (
    <div class="v-stack">
      <div class="v-row-s">
        <Status of={attempt.status} />
        <Presence word={row.presence} seenAt={row.seenAt} />
        {!row.onRoster && <span class="v-badge">Off the roster</span>}
      </div>
      <dl class="c-numbers">
        <div class="c-two">
          <dt>Integrity{row.running ? ", provisional" : ""}</dt>
          <dd>
            <Integrity score={row.integrity} coverage={row.coverage} />
          </dd>
        </div>
        <div>
          <dt>Time</dt>
          <dd>{row.running ? <Remaining deadline={attempt.deadline} /> : "over"}</dd>
        </div>
        <div>
          <dt>Recorded</dt>
          <dd class="v-number">{count(row.events, "event")}</dd>
        </div>
        <div>
          <dt>Last heard</dt>
          <dd class="v-number">{row.seenAt === null ? "–" : formatAgo(now.value - row.seenAt)}</dd>
        </div>
      </dl>
      {row.integrity === null && (
        <p class="v-small v-soft">
          Less than half of the attempt was observed, or no score has come yet: no number is shown instead of a guess.
        </p>
      )}
      <div class="v-row-s">
        {can("can_invigilate") && row.running && (
          <>
            <Button size="small" icon="message" onClick={() => (messaging.value = true)}>
              Message
            </Button>
            <Button size="small" variant="danger" icon="stop" onClick={() => (ending.value = true)}>
              End attempt…
            </Button>
          </>
        )}
        <a class="v-button" data-variant="quiet" data-size="small" href={`/console/attempts/${attempt.attempt_id}`}>
          Attempt page
        </a>
      </div>
      {row.instruction !== null && (
        <p class="v-small c-instruction" role="status">
          {instructionText(row.instruction)}
        </p>
      )}
      <Tabs<Tab>
        label="About this attempt"
        selected={tab.value}
        onSelect={(key) => (tab.value = key)}
        tabs={[
          { key: "flags", title: `Flags (${row.flags.length})` },
          { key: "timeline", title: "Timeline" },
        ]}
      >
        {tab.value === "flags" ? (
          <div class="v-stack">
            {row.flags.map((flag) => (
              <FlagCard
                level={3}
                key={flag.flag_id}
                flag={flag}
                decide={can("can_review") ? decideLive(room.examId) : null}
              />
            ))}
            {row.flags.length === 0 && (
              <Empty title="No flags">Nothing was concluded from what is recorded so far.</Empty>
            )}
          </div>
        ) : (
          <Timeline attemptId={attempt.attempt_id} />
        )}
      </Tabs>
      <MessageDialog
        examId={room.examId}
        open={messaging.value}
        onClose={() => (messaging.value = false)}
        to={[row]}
        running={row.running ? 1 : 0}
      />
      <EndDialog examId={room.examId} row={row} open={ending.value} onClose={() => (ending.value = false)} />
    </div>
  );
}
