/** Gives new codes to all students of an exam after a warning: the codes that were handed out stop working. */

import type { JSX } from "preact";
import { Button, Dialog, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import type { ExamView, StudentCode } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { RENEW_CODES } from "../../texts/roster.ts";
import { COMMON } from "../../texts/shell.ts";

interface RenewDialogProps {
  exam: ExamView;
  open: boolean;
  onClose: () => void;
  onCodes: (codes: readonly StudentCode[]) => void;
}

export function RenewDialog({ exam, open, onClose, onCodes }: RenewDialogProps): JSX.Element {
  const action = useAction();
  const renew = async (): Promise<void> => {
    await action.run(async () => {
      onCodes(await api.post<StudentCode[]>(`/exams/${exam.exam_id}/roster/codes`, {}, { isNewAction: true }));
      onClose();
    });
    if (action.failed.value !== null) toast(action.failed.value, "critical");
  };
  return (
    <Dialog
      title={RENEW_CODES.title}
      open={open}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{COMMON.cancel}</Button>
          <Button variant="danger" busy={action.busy.value} onClick={() => void renew()}>
            {RENEW_CODES.submit}
          </Button>
        </>
      }
    >
      <p>{RENEW_CODES.about}</p>
    </Dialog>
  );
}
