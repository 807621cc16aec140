// Shown after the student has gone back during the exam: stay, or leave it for now.
import { Button, Dialog } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { stayTexts as texts } from "../texts.ts";

interface Props {
  open: boolean;
  onStay: () => void;
  onLeave: () => void;
}

export function StayDialog({ open, onStay, onLeave }: Props): JSX.Element {
  return (
    <Dialog
      title={texts.heading}
      open={open}
      onClose={onStay}
      actions={
        <>
          <Button onClick={onLeave}>{texts.leave}</Button>
          <Button variant="primary" onClick={onStay}>
            {texts.stay}
          </Button>
        </>
      }
    >
      <p>{texts.help}</p>
    </Dialog>
  );
}
