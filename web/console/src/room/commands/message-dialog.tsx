/** Sends a message to one student, to selected students or to all in progress, and shows the result. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button, Dialog, Field, toast } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import { useAction } from "../../rest/action.ts";
import { connection } from "../../state.ts";
import { MESSAGE } from "../../texts/commands.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { noResultText, resultText } from "./results.ts";

const TEXT_LIMIT = 2_000;

type Recipients = "all" | readonly RoomRow[];

interface MessageDialogProps {
  examId: string;
  open: boolean;
  onClose: () => void;
  to: Recipients;
  /** Number of attempts in progress in the whole exam. */
  running: number;
}

function recipientsText(to: Recipients, running: number): string {
  if (to === "all") return MESSAGE.toAll(count(running, "student"));
  return to.length === 1 ? (to[0]?.name ?? "") : count(to.length, "selectedStudent");
}

function attemptsOf(to: Recipients): "all" | string[] {
  return to === "all" ? "all" : to.flatMap((row) => (row.attempt === null ? [] : [row.attempt.attempt_id]));
}

export function MessageDialog({ open, onClose, ...props }: MessageDialogProps): JSX.Element {
  const text = useSignal("");
  const action = useAction(noResultText);
  useEffect(() => {
    if (open) action.failed.value = null;
  }, [open]);
  const send = (event: Event): void => {
    event.preventDefault();
    const message = text.value.trim();
    if (message === "") return;
    void action.run(async () => {
      const request = { action: "message", to: attemptsOf(props.to), text: message } as const;
      const result = await connection().command(props.examId, request);
      const { text: outcome, ok } = resultText(result, (reached) => MESSAGE.sent(count(reached, "student")));
      if (!ok) {
        action.failed.value = outcome;
        return;
      }
      toast(outcome, "good");
      text.value = "";
      onClose();
    });
  };
  const running = props.to === "all" ? props.running : props.to.filter((row) => row.running).length;
  const canSend = running > 0 && text.value.trim() !== "";
  return (
    <Dialog title={MESSAGE.title} open={open} onClose={onClose}>
      <form class="v-stack" onSubmit={send}>
        <ErrorNotice text={action.failed.value} tone="warning" />
        <MessageField text={text} open={open} label={MESSAGE.to(recipientsText(props.to, props.running))} />
        <div class="v-dialog-foot c-foot">
          <Button onClick={onClose}>{COMMON.cancel}</Button>
          <Button variant="primary" type="submit" icon="message" busy={action.busy.value} disabled={!canSend}>
            {MESSAGE.send}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function MessageField({ text, open, label }: { text: { value: string }; open: boolean; label: string }): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (open) field.current?.focus();
  }, [open]);
  return (
    <>
      <Field label={label} help={MESSAGE.help(text.value.length, TEXT_LIMIT)}>
        {(control) => (
          <textarea
            {...control}
            ref={field}
            rows={4}
            maxLength={TEXT_LIMIT}
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
          />
        )}
      </Field>
      <div class="v-row-s" role="group" aria-label={MESSAGE.suggestions}>
        {MESSAGE.suggested.map((suggestion) => (
          <button type="button" class="c-chip" key={suggestion} onClick={() => (text.value = suggestion)}>
            {suggestion}
          </button>
        ))}
      </div>
    </>
  );
}
