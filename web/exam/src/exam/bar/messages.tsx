// Messages from the teacher: a new one opens in a dialog, all of them can be read again.
import { formatTime } from "@veritas/shared/time.ts";
import { announce, Button, Dialog } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { ExamSession } from "../../session/session.ts";
import { examTexts as texts } from "../../texts.ts";

export function Messages({ session }: { session: ExamSession }): JSX.Element {
  const isOpen = useSignal(false);
  const all = session.messages.value;
  const unread = session.unread.value[0];
  useEffect(() => {
    if (unread !== undefined) announce(texts.announceMessage(unread.text), "assertive");
  }, [unread?.id]);
  return (
    <>
      {all.length > 0 && (
        <Button variant="quiet" size="small" icon="message" onClick={() => (isOpen.value = true)}>
          {texts.messageCount(all.length)}
        </Button>
      )}
      <Dialog
        title={texts.messageFromTeacher}
        open={unread !== undefined}
        onClose={() => session.closeMessage()}
        actions={
          <Button variant="primary" onClick={() => session.closeMessage()}>
            {texts.messageRead}
          </Button>
        }
      >
        <p class="x-lines x-message" dir="auto">
          {unread?.text}
        </p>
        {unread !== undefined && <p class="v-soft v-small">{texts.sentAt(formatTime(unread.at))}</p>}
      </Dialog>
      <Dialog title={texts.messages} open={isOpen.value} onClose={() => (isOpen.value = false)}>
        <ol class="x-messages">
          {all.map((message) => (
            <li key={message.id}>
              <p class="x-lines" dir="auto">
                {message.text}
              </p>
              <p class="v-soft v-small">{formatTime(message.at)}</p>
            </li>
          ))}
        </ol>
      </Dialog>
    </>
  );
}
