/** Lets one student read the questions without a connection, after a reason, and shows the result. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Dialog, Field, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import { connection } from "../../state.ts";
import { WAIVE } from "../../texts/commands.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { noResultText, resultText } from "./results.ts";

const REASON_LIMIT = 2_000;

interface WaiveDialogProps {
  examId: string;
  row: RoomRow;
  open: boolean;
  onClose: () => void;
}

export function WaiveDialog({ row, open, onClose, examId }: WaiveDialogProps): JSX.Element {
  return (
    <Dialog title={WAIVE.title(row.name)} open={open} onClose={onClose}>
      {open && <WaiveForm examId={examId} row={row} onClose={onClose} />}
    </Dialog>
  );
}

function WaiveForm({ examId, row, onClose }: Omit<WaiveDialogProps, "open">): JSX.Element {
  const reason = useSignal("");
  const action = useAction(noResultText);
  const canWaive = row.attempt !== null && reason.value.trim() !== "";
  const waive = (event: Event): void => {
    event.preventDefault();
    const { attempt } = row;
    if (!canWaive || attempt === null) return;
    void action.run(async () => {
      const request = { action: "waive" as const, to: [attempt.attempt_id], reason: reason.value.trim() };
      const { text, ok } = resultText(await connection().command(examId, request), () => WAIVE.waived(row.name));
      if (!ok) {
        action.failed.value = text;
        return;
      }
      toast(text, "good");
      onClose();
    });
  };
  return (
    <form class="v-stack" onSubmit={waive}>
      <p>{WAIVE.about}</p>
      <ErrorNotice text={action.failed.value} tone="warning" />
      <Field label={WAIVE.reason} help={WAIVE.reasonHelp}>
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
      <div class="v-dialog-foot c-foot">
        <Button onClick={onClose}>{COMMON.cancel}</Button>
        <Button variant="primary" type="submit" busy={action.busy.value} disabled={!canWaive}>
          {WAIVE.submit}
        </Button>
      </div>
    </form>
  );
}
