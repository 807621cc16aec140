/** What a teacher can do with one attempt from the drawer: send a message, waive its connection, end it, open its page. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button } from "@veritas/shared/ui/index.ts";
import type { AttemptRow } from "../../board/frames.ts";
import { DRAWER } from "../../texts/room.ts";
import { EndDialog } from "../commands/end-dialog.tsx";
import { MessageDialog } from "../commands/message-dialog.tsx";
import { WaiveDialog } from "../commands/waive-dialog.tsx";
import type { RoomRow } from "../rows/rows.ts";

interface ActionsProps {
  examId: string;
  row: RoomRow;
  attempt: AttemptRow;
  mayInvigilate: boolean;
}

export function Actions({ examId, row, attempt, mayInvigilate }: ActionsProps): JSX.Element {
  const messaging = useSignal(false);
  const ending = useSignal(false);
  const waiving = useSignal(false);
  return (
    <>
      <div class="v-row-s">
        {mayInvigilate && row.running && (
          <>
            <Button size="small" icon="message" onClick={() => (messaging.value = true)}>
              {DRAWER.message}
            </Button>
            {!attempt.waived && row.presence !== "connected" && (
              <Button size="small" onClick={() => (waiving.value = true)}>
                {DRAWER.waive}
              </Button>
            )}
            <Button size="small" variant="danger" icon="stop" onClick={() => (ending.value = true)}>
              {DRAWER.end}
            </Button>
          </>
        )}
        <a class="v-button" data-variant="quiet" data-size="small" href={`/console/attempts/${attempt.attempt_id}`}>
          {DRAWER.attemptPage}
        </a>
      </div>
      <MessageDialog
        examId={examId}
        open={messaging.value}
        onClose={() => (messaging.value = false)}
        to={[row]}
        running={row.running ? 1 : 0}
      />
      <WaiveDialog examId={examId} row={row} open={waiving.value} onClose={() => (waiving.value = false)} />
      <EndDialog examId={examId} row={row} open={ending.value} onClose={() => (ending.value = false)} />
    </>
  );
}
