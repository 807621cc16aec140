/** Ends one student's attempt after a reason and a confirmation, and shows the result. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Dialog, Field, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import { connection } from "../../state.ts";
import { END } from "../../texts/commands.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { noResultText, resultText } from "./results.ts";

const REASON_LIMIT = 2_000;

interface EndDialogProps {
  examId: string;
  row: RoomRow;
  open: boolean;
  onClose: () => void;
}

export function EndDialog({ row, open, onClose, examId }: EndDialogProps): JSX.Element {
  return (
    <Dialog title={END.title(row.name)} open={open} onClose={onClose}>
      {open && <EndForm examId={examId} row={row} onClose={onClose} />}
    </Dialog>
  );
}

function EndForm({ examId, row, onClose }: Omit<EndDialogProps, "open">): JSX.Element {
  const reason = useSignal("");
  const isConfirmed = useSignal(false);
  const action = useAction(noResultText);
  const canEnd = row.attempt !== null && isConfirmed.value && reason.value.trim() !== "";
  const end = (event: Event): void => {
    event.preventDefault();
    const { attempt } = row;
    if (!canEnd || attempt === null) return;
    void action.run(async () => {
      const request = { action: "end" as const, to: [attempt.attempt_id], reason: reason.value.trim() };
      const { text, ok } = resultText(await connection().command(examId, request), () => END.ended(row.name));
      if (!ok) {
        action.failed.value = text;
        return;
      }
      toast(text, "good");
      onClose();
    });
  };
  return (
    <form class="v-stack" onSubmit={end}>
      <p>{END.about}</p>
      <ErrorNotice text={action.failed.value} tone="warning" />
      <Field label={END.reason}>
        {(control) => (
          <textarea
            {...control}
            rows={3}
            maxLength={REASON_LIMIT}
            required
            value={reason.value}
            onInput={(event) => (reason.value = event.currentTarget.value)}
          />
        )}
      </Field>
      <label class="v-check">
        <input
          type="checkbox"
          checked={isConfirmed.value}
          onChange={(event) => (isConfirmed.value = event.currentTarget.checked)}
        />
        <span>{END.confirm}</span>
      </label>
      <div class="v-dialog-foot c-foot">
        <Button onClick={onClose}>{COMMON.cancel}</Button>
        <Button variant="danger" type="submit" icon="stop" busy={action.busy.value} disabled={!canEnd}>
          {END.submit}
        </Button>
      </div>
    </form>
  );
}
