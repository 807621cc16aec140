/** Deletes an exam with everything of it, after its title was typed. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { go } from "@veritas/shared/route.ts";
import { Button, Dialog, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import type { ExamView } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { DELETE_EXAM } from "../../texts/setup.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import { isTyped, TypedConfirmation } from "../../ui/typed-confirmation.tsx";

export function DeleteExam({ exam }: { exam: ExamView }): JSX.Element {
  const open = useSignal(false);
  return (
    <section class="v-card c-form-card v-stack-s" aria-label={DELETE_EXAM.open}>
      <p class="v-soft">{DELETE_EXAM.who}</p>
      <div>
        <Button variant="danger" onClick={() => (open.value = true)}>
          {DELETE_EXAM.open}
        </Button>
      </div>
      <Dialog title={DELETE_EXAM.title(exam.title)} open={open.value} onClose={() => (open.value = false)}>
        <DeleteForm exam={exam} onClose={() => (open.value = false)} />
      </Dialog>
    </section>
  );
}

function DeleteForm({ exam, onClose }: { exam: ExamView; onClose: () => void }): JSX.Element {
  const typed = useSignal("");
  const action = useAction();
  const canDelete = isTyped(exam.title, typed.value);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!canDelete) return;
    void action.run(async () => {
      await api.delete(`/exams/${exam.exam_id}`);
      toast(DELETE_EXAM.deleted(exam.title), "good");
      go("/console/exams");
    });
  };
  return (
    <form class="v-stack" onSubmit={submit}>
      <p>{DELETE_EXAM.about}</p>
      <ErrorNotice text={action.failed.value} />
      <TypedConfirmation name={exam.title} typed={typed} />
      <div class="v-dialog-foot c-foot">
        <Button onClick={onClose}>{COMMON.cancel}</Button>
        <Button variant="danger" type="submit" busy={action.busy.value} disabled={!canDelete}>
          {DELETE_EXAM.submit}
        </Button>
      </div>
    </form>
  );
}
