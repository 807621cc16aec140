// The dialog to hand in: lists what is missing, asks once, and shows what the page waits for.
import { errorText } from "@veritas/shared/api.ts";
import { Button, Dialog, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { ExamSession } from "../../session/session.ts";
import { handInTexts as texts } from "../../texts.ts";
import { MissingAnswers } from "./missing-answers.tsx";

interface Props {
  session: ExamSession;
  open: boolean;
  onClose: () => void;
}

export function HandIn({ session, open, onClose }: Props): JSX.Element {
  const error = useSignal<unknown>(null);
  const step = session.handingIn.value;
  const isBusy = step !== "no";
  const handIn = () => {
    error.value = null;
    session.handIn().then(onClose, (reason: unknown) => (error.value = reason));
  };
  const close = () => {
    error.value = null;
    onClose();
  };
  return (
    <Dialog
      title={texts.heading}
      open={open}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>{isBusy ? texts.close : texts.keepWorking}</Button>
          <Button variant="primary" busy={isBusy} onClick={handIn}>
            {texts.confirm}
          </Button>
        </>
      }
    >
      <div class="v-stack">
        <MissingAnswers session={session} onClose={close} />
        <p>{texts.warning}</p>
        {isBusy && <Spinner label={texts.steps[step]} />}
        {error.value !== null && (
          <Notice tone="critical" role="alert">
            {errorText(error.value)}
          </Notice>
        )}
      </div>
    </Dialog>
  );
}
