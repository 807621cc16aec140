/** Removes a student from an exam after a confirmation. */

import type { JSX } from "preact";
import { Button, Dialog, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import type { ExamView, RosterStudent } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { REMOVE_STUDENT } from "../../texts/roster.ts";
import { COMMON } from "../../texts/shell.ts";

interface RemoveDialogProps {
  exam: ExamView;
  /** Null while the dialog is closed. */
  student: RosterStudent | null;
  onClose: () => void;
  onRemoved: () => void;
}

export function RemoveDialog({ exam, student, onClose, onRemoved }: RemoveDialogProps): JSX.Element {
  const action = useAction();
  const remove = async (): Promise<void> => {
    if (student === null) return;
    await action.run(async () => {
      await api.delete(`/exams/${exam.exam_id}/roster/${student.student_id}`);
      toast(REMOVE_STUDENT.removed(student.name), "good");
      onClose();
      onRemoved();
    });
    if (action.failed.value !== null) toast(action.failed.value, "critical");
  };
  return (
    <Dialog
      title={REMOVE_STUDENT.title(student?.name ?? "")}
      open={student !== null}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{COMMON.cancel}</Button>
          <Button variant="danger" busy={action.busy.value} onClick={() => void remove()}>
            {REMOVE_STUDENT.submit}
          </Button>
        </>
      }
    >
      <p>{REMOVE_STUDENT.about}</p>
    </Dialog>
  );
}
