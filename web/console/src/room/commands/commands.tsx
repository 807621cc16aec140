/** What a person may order of candidates: a message, and the end of an attempt with its reason. Every result is told. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button, Dialog, Field, Notice, toast } from "@veritas/shared/ui/index.ts";
import type { RoomRow } from "../board/rows.ts";
import type { Result } from "../../board/frames.ts";
import { live } from "../../state.ts";
import { codeText, count } from "../../format/format.ts";

const TEXT_MOST = 2_000;

/** What an order came to, in one sentence, and whether anything went wrong. */
export function tell(result: Result, done: (reached: number) => string): { text: string; ok: boolean } {
  if (result.code !== null && result.code !== undefined) {
    return { text: codeText(result.code, result.detail ?? null), ok: false };
  }
  const reached = result.outcomes.filter((one) => one.ok).length;
  const missed = result.outcomes.filter((one) => !one.ok);
  if (missed.length === 0) return { text: done(reached), ok: reached > 0 };
  const why = codeText(missed[0]?.code ?? "", missed[0]?.detail ?? null);
  return { text: reached === 0 ? why : `${done(reached)} ${missed.length} not: ${why}`, ok: false };
}

interface MessageProps {
  examId: string;
  open: boolean;
  onClose: () => void;
  to: "all" | readonly RoomRow[];
  running: number;
}

const READY = [
  "Ten minutes left.",
  "Five minutes left. Please check your answers.",
  "Please return to the exam window.",
];

export function MessageDialog({ examId, open, onClose, to, running }: MessageProps): JSX.Element {
  const text = useSignal("");
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (open) {
      failed.value = null;
      field.current?.focus();
    }
  }, [open]);
  const able = to === "all" ? running : to.filter((row) => row.running).length;
  const whom =
    to === "all"
      ? `all ${count(running, "student")} at work`
      : to.length === 1
        ? (to[0]?.name ?? "")
        : count(to.length, "selected student");
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value || text.value.trim() === "") return;
    busy.value = true;
    failed.value = null;
    try {
      const named = to === "all" ? "all" : to.flatMap((row) => (row.attempt === null ? [] : [row.attempt.attempt_id]));
      const result = await live().order(examId, { action: "message", to: named, text: text.value.trim() });
      const { text: said, ok } = tell(result, (reached) => `Message on its way to ${count(reached, "student")}.`);
      if (ok) {
        toast(said, "good");
        text.value = "";
        onClose();
      } else failed.value = said;
    } catch (error) {
      failed.value = unanswered(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title="Message" open={open} onClose={onClose}>
      <form class="v-stack" onSubmit={(event) => void send(event)}>
        {failed.value !== null && (
          <Notice tone="warning" role="alert">
            {failed.value}
          </Notice>
        )}
        <Field
          label={`To ${whom}`}
          help={`Shown on the exam page at once; who is not connected gets it on coming back. ${text.value.length} of ${TEXT_MOST} characters.`}
        >
          {(control) => (
            <textarea
              {...control}
              ref={field}
              rows={4}
              maxLength={TEXT_MOST}
              value={text.value}
              onInput={(event) => (text.value = event.currentTarget.value)}
            />
          )}
        </Field>
        <div class="v-row-s" role="group" aria-label="Ready texts">
          {READY.map((one) => (
            <button type="button" class="c-chip" key={one} onClick={() => (text.value = one)}>
              {one}
            </button>
          ))}
        </div>
        <div class="v-dialog-foot c-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            type="submit"
            icon="message"
            busy={busy.value}
            disabled={able === 0 || text.value.trim() === ""}
          >
            Send
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function EndDialog({
  examId,
  row,
  open,
  onClose,
}: {
  examId: string;
  row: RoomRow;
  open: boolean;
  onClose: () => void;
}): JSX.Element {
  const reason = useSignal("");
  const sure = useSignal(false);
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  useEffect(() => {
    if (open) {
      reason.value = "";
      sure.value = false;
      failed.value = null;
    }
  }, [open]);
  const end = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value || row.attempt === null || !sure.value || reason.value.trim() === "") return;
    busy.value = true;
    failed.value = null;
    try {
      const order = { action: "end", to: [row.attempt.attempt_id], reason: reason.value.trim() } as const;
      const result = await live().order(examId, { ...order, to: [...order.to] });
      const { text, ok } = tell(result, () => `${row.name}'s attempt has ended.`);
      if (ok) {
        toast(text, "good");
        onClose();
      } else failed.value = text;
    } catch (error) {
      failed.value = unanswered(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog title={`End ${row.name}'s attempt`} open={open} onClose={onClose}>
      <form class="v-stack" onSubmit={(event) => void end(event)}>
        <p>
          The exam page closes for this student. What was answered stays and is graded. The student is shown your
          reason, and it is kept with your name. This cannot be undone here.
        </p>
        {failed.value !== null && (
          <Notice tone="warning" role="alert">
            {failed.value}
          </Notice>
        )}
        <Field label="Reason">
          {(control) => (
            <textarea
              {...control}
              rows={3}
              maxLength={TEXT_MOST}
              required
              value={reason.value}
              onInput={(event) => (reason.value = event.currentTarget.value)}
            />
          )}
        </Field>
        <label class="v-check">
          <input
            type="checkbox"
            checked={sure.value}
            onChange={(event) => (sure.value = event.currentTarget.checked)}
          />
          <span>I have decided to end this attempt.</span>
        </label>
        <div class="v-dialog-foot c-foot">
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="danger"
            type="submit"
            icon="stop"
            busy={busy.value}
            disabled={!sure.value || reason.value.trim() === ""}
          >
            End the attempt
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** Nobody knows yet what became of the order: say just that. */
export function unanswered(error: unknown): string {
  const why = error instanceof Error ? error.message : String(error);
  return `${why} It may have been carried out all the same: look at the board once it is live again.`;
}
