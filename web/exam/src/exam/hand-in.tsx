// Handing in: what is missing is named, one question confirms, and then it is said what the page waits for.
import { errorText } from "@veritas/shared/api.ts";
import { Button, Dialog, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { unanswered } from "../session/answers.ts";
import type { HandingIn, ExamSession } from "../session/session.ts";
import { plural } from "../texts.ts";

const STEPS: { readonly [step in HandingIn]: string } = {
  no: "",
  saving: "Saving your last answers…",
  sending: "Handing in…",
  retrying: "The server cannot be reached. It is tried again until it works: leave this page open.",
};

interface Props {
  session: ExamSession;
  open: boolean;
  onClose: () => void;
}

export function HandIn({ session, open, onClose }: Props): JSX.Element {
  const error = useSignal<unknown>(null);
  const step = session.handingIn.value;
  const isBusy = step !== "no";
  const go = () => {
    error.value = null;
    session.handIn().then(onClose, (reason: unknown) => (error.value = reason));
  };
  const close = () => {
    error.value = null;
    onClose();
  };
  return (
    <Dialog
      title="Hand in your exam?"
      open={open}
      onClose={close}
      actions={
        <>
          <Button onClick={close}>{isBusy ? "Close" : "Keep working"}</Button>
          <Button variant="primary" busy={isBusy} onClick={go}>
            Hand in now
          </Button>
        </>
      }
    >
      <div class="v-stack">
        <Missing session={session} onClose={close} />
        <p>After handing in, nothing can be changed any more.</p>
        {isBusy && <Spinner label={STEPS[step]} />}
        {error.value !== null && (
          <Notice tone="critical" role="alert">
            {errorText(error.value)}
          </Notice>
        )}
      </div>
    </Dialog>
  );
}

function Missing({ session, onClose }: { session: ExamSession; onClose: () => void }): JSX.Element {
  const { items } = session.attempt.value;
  const missing = unanswered(items, session.answers.value);
  const unreadable = items.filter((item) => session.unreadable.value.has(item.item));
  const refused = items.filter((item) => session.status.value?.refused.has(item.item));
  const bad = [...new Set([...unreadable, ...refused])];
  const list = (of: typeof items) => (
    <ul class="x-missing">
      {of.map((item) => {
        const index = items.indexOf(item);
        const open = () => {
          onClose();
          session.open(index);
        };
        return (
          <li key={item.item}>
            <Button variant="quiet" size="small" onClick={open}>
              Question {index + 1}
            </Button>
          </li>
        );
      })}
    </ul>
  );
  return (
    <>
      {missing.length === 0 ? (
        <Notice tone="good">All {plural(items.length, "question")} are answered.</Notice>
      ) : (
        <Notice tone="warning">
          <p>{missing.length === 1 ? "One question has no answer:" : `${missing.length} questions have no answer:`}</p>
          {list(missing)}
        </Notice>
      )}
      {bad.length > 0 && (
        <Notice tone="critical">
          <p>What stands there now is not saved:</p>
          {list(bad)}
        </Notice>
      )}
    </>
  );
}
