/** Sends a command for one student's attempt after a reason, and shows the result. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { Button, Field, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import { connection } from "../../state.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { noResultText, resultText } from "./results.ts";

const REASON_LIMIT = 2_000;

interface ReasonTexts {
  about: string;
  reason: string;
  reasonHelp?: string;
  submit: string;
}

interface ReasonFormProps {
  examId: string;
  row: RoomRow;
  action: "end" | "waive";
  texts: ReasonTexts;
  /** The text after success. */
  done: string;
  danger?: boolean;
  /** False while something besides the reason is missing. */
  ready?: boolean;
  children?: ComponentChildren;
  onClose: () => void;
}

export function ReasonForm(props: ReasonFormProps): JSX.Element {
  const { examId, row, texts, ready = true, onClose } = props;
  const reason = useSignal("");
  const action = useAction(noResultText);
  const canSend = row.attempt !== null && ready && reason.value.trim() !== "";
  const send = (event: Event): void => {
    event.preventDefault();
    const { attempt } = row;
    if (!canSend || attempt === null) return;
    void action.run(async () => {
      const request = { action: props.action, to: [attempt.attempt_id], reason: reason.value.trim() };
      const { text, ok } = resultText(await connection().command(examId, request), () => props.done);
      if (!ok) {
        action.failed.value = text;
        return;
      }
      toast(text, "good");
      onClose();
    });
  };
  return (
    <form class="v-stack" onSubmit={send}>
      <p>{texts.about}</p>
      <ErrorNotice text={action.failed.value} tone="warning" />
      <Field label={texts.reason} {...(texts.reasonHelp === undefined ? {} : { help: texts.reasonHelp })}>
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
      {props.children}
      <div class="v-dialog-foot c-foot">
        <Button onClick={onClose}>{COMMON.cancel}</Button>
        <Button
          variant={props.danger ? "danger" : "primary"}
          type="submit"
          {...(props.danger ? { icon: "stop" as const } : {})}
          busy={action.busy.value}
          disabled={!canSend}
        >
          {texts.submit}
        </Button>
      </div>
    </form>
  );
}
