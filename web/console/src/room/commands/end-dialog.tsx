/** Ends one student's attempt after a reason and a confirmation, and shows the result. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Dialog } from "@veritas/shared/ui/index.ts";
import { END } from "../../texts/commands.ts";
import type { RoomRow } from "../rows/rows.ts";
import { ReasonForm } from "./reason-form.tsx";

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
  const isConfirmed = useSignal(false);
  const form = { examId, row, onClose, texts: END, done: END.ended(row.name), ready: isConfirmed.value };
  return (
    <ReasonForm {...form} action="end" danger>
      <label class="v-check">
        <input
          type="checkbox"
          checked={isConfirmed.value}
          onChange={(event) => (isConfirmed.value = event.currentTarget.checked)}
        />
        <span>{END.confirm}</span>
      </label>
    </ReasonForm>
  );
}
