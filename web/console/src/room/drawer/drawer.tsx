/** One student of the room in a drawer: state, flags with their decisions, timeline, and commands. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Dialog, Empty, Tabs } from "@veritas/shared/ui/index.ts";
import type { LiveBoard } from "../../board/live-board.ts";
import type { Permission } from "../../rest/types.ts";
import { decideLive } from "../../review/flags/decisions.ts";
import { FlagCard } from "../../review/flags/flag-card.tsx";
import { Timeline } from "../../review/timeline/timeline.tsx";
import { DRAWER } from "../../texts/room.ts";
import { TIMELINE } from "../../texts/events.ts";
import { Presence } from "../../ui/values/presence.tsx";
import { instructionText } from "../commands/results.ts";
import type { RoomRow } from "../rows/rows.ts";
import { Actions } from "./actions.tsx";
import { Figures } from "./figures.tsx";

interface DrawerProps {
  board: LiveBoard;
  row: RoomRow | null;
  permissions: readonly Permission[] | null;
  onClose: () => void;
}

export function Drawer({ board, row, permissions, onClose }: DrawerProps): JSX.Element {
  return (
    <Dialog side title={row?.name ?? ""} open={row !== null} onClose={onClose}>
      {row !== null && <Student key={row.studentId} board={board} row={row} permissions={permissions} />}
    </Dialog>
  );
}

type StudentProps = Pick<DrawerProps, "board" | "permissions"> & { row: RoomRow };

function Student({ board, row, permissions }: StudentProps): JSX.Element {
  const may = (permission: Permission): boolean => permissions === null || permissions.includes(permission);
  if (row.attempt === null) return <NotStarted row={row} />;
  return (
    <div class="v-stack">
      <Figures row={row} attempt={row.attempt} />
      <Actions examId={board.examId} row={row} attempt={row.attempt} mayInvigilate={may("can_invigilate")} />
      {row.instruction !== null && (
        <p class="v-small c-instruction" role="status">
          {instructionText(row.instruction)}
        </p>
      )}
      <StudentTabs examId={board.examId} row={row} attemptId={row.attempt.attempt_id} mayReview={may("can_review")} />
    </div>
  );
}

function NotStarted({ row }: { row: RoomRow }): JSX.Element {
  return (
    <div class="v-stack">
      <Presence state={row.presence} seenAt={row.seenAt} />
      <Empty title={DRAWER.notStarted}>
        <p>{row.onRoster ? DRAWER.notStartedText : DRAWER.removedText}</p>
      </Empty>
    </div>
  );
}

type Tab = "flags" | "timeline";

interface StudentTabsProps {
  examId: string;
  row: RoomRow;
  attemptId: string;
  mayReview: boolean;
}

function StudentTabs({ examId, row, attemptId, mayReview }: StudentTabsProps): JSX.Element {
  const tab = useSignal<Tab>("flags");
  return (
    <Tabs<Tab>
      label={DRAWER.tabs}
      selected={tab.value}
      onSelect={(key) => (tab.value = key)}
      tabs={[
        { key: "flags", title: DRAWER.flags(row.flags.length) },
        { key: "timeline", title: TIMELINE.name },
      ]}
    >
      {tab.value === "flags" ? (
        <div class="v-stack">
          {row.flags.map((flag) => (
            <FlagCard level={3} key={flag.flag_id} flag={flag} decide={mayReview ? decideLive(examId) : null} />
          ))}
          {row.flags.length === 0 && <Empty title={DRAWER.noFlags} />}
        </div>
      ) : (
        <Timeline attemptId={attemptId} />
      )}
    </Tabs>
  );
}
