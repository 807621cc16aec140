/** Lets one student read the questions without a connection, after a reason, and shows the result. */

import type { JSX } from "preact";
import { Dialog } from "@veritas/shared/ui/index.ts";
import { WAIVE } from "../../texts/commands.ts";
import type { RoomRow } from "../rows/rows.ts";
import { ReasonForm } from "./reason-form.tsx";

interface WaiveDialogProps {
  examId: string;
  row: RoomRow;
  open: boolean;
  onClose: () => void;
}

export function WaiveDialog({ row, open, onClose, examId }: WaiveDialogProps): JSX.Element {
  const form = { examId, row, onClose, texts: WAIVE, done: WAIVE.waived(row.name) };
  return (
    <Dialog title={WAIVE.title(row.name)} open={open} onClose={onClose}>
      {open && <ReasonForm {...form} action="waive" />}
    </Dialog>
  );
}
