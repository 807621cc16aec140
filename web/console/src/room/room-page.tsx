/** The room: all students of one exam, live. It always shows how old its data is, and the result of every command. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Empty, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import { count, duration } from "../format/numbers.ts";
import { useLoad } from "../rest/load.ts";
import type { ExamView } from "../rest/types.ts";
import { ROOM } from "../texts/room.ts";
import { COMMON, NAVIGATION } from "../texts/shell.ts";
import { ExamNav } from "../ui/exam-nav.tsx";
import { Page } from "../ui/page.tsx";
import { MessageDialog } from "./commands/message-dialog.tsx";
import { Drawer } from "./drawer/drawer.tsx";
import { FreshnessBadge } from "./freshness-badge.tsx";
import { LatestFlags } from "./flags/latest-flags.tsx";
import { useNewFlagAnnouncer } from "./flags/new-flag-announcer.ts";
import { type RoomState, useRoomState } from "./room-state.ts";
import { StudentsPanel } from "./students-panel.tsx";

export function RoomPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const state = useRoomState(examId);
  const { board, selected, counts } = state;
  const messaging = useSignal(false);
  useNewFlagAnnouncer(board);
  const permissions = exam?.permissions ?? null;
  const recipients = [...selected.value].flatMap((id) => board.rows.value.get(id) ?? []);
  return (
    <Page
      title={board.exam.value?.title ?? exam?.title ?? ROOM.title}
      wide
      parents={[["/console/exams", NAVIGATION.exams]]}
      about={<About state={state} />}
      actions={
        (permissions === null || permissions.includes("can_invigilate")) && (
          <Button
            icon="message"
            variant="primary"
            disabled={counts.value.in_progress === 0}
            onClick={() => (messaging.value = true)}
          >
            {selected.value.size > 0 ? ROOM.messageSome(count(selected.value.size, "student")) : ROOM.messageAll}
          </Button>
        )
      }
    >
      <ExamNav examId={examId} current="room" permissions={permissions} />
      <Content examId={examId} state={state} />
      <MessageDialog
        examId={examId}
        open={messaging.value}
        onClose={() => (messaging.value = false)}
        to={selected.value.size === 0 ? "all" : recipients}
        running={counts.value.in_progress}
      />
      <Drawer board={board} row={state.opened} permissions={permissions} onClose={() => state.open(null)} />
    </Page>
  );
}

function About({ state: { board } }: { state: RoomState }): JSX.Element {
  const exam = board.exam.value;
  return (
    <div class="v-row-s v-soft">
      <FreshnessBadge board={board} />
      {exam !== null && (
        <span>{ROOM.about(count(board.rows.value.size, "student"), duration(exam.duration_minutes))}</span>
      )}
    </div>
  );
}

function Content({ examId, state }: { examId: string; state: RoomState }): JSX.Element {
  const { board } = state;
  const isRefused = board.refused.value !== null;
  const hasStudents = board.rows.value.size > 0;
  return (
    <>
      {isRefused && (
        <Notice tone="info" role="alert">
          {ROOM.noAccess}
        </Notice>
      )}
      {board.exam.value === null && !isRefused && <Spinner label={COMMON.loading(ROOM.what)} />}
      {board.exam.value !== null && !hasStudents && (
        <div class="v-card">
          <Empty title={ROOM.noStudents}>
            <a class="v-button" href={`/console/exams/${examId}/setup/roster`}>
              {ROOM.addStudents}
            </a>
          </Empty>
        </div>
      )}
      {hasStudents && (
        <div class="c-room">
          <StudentsPanel state={state} />
          <LatestFlags board={board} onOpen={state.open} />
        </div>
      )}
    </>
  );
}
