/** The holds of an attempt, for administrators: why its data are kept past their time, a new hold, and their release. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Button, Dialog, Field, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import { useLoad } from "../../rest/load.ts";
import type { AttemptSummary, HoldView, Page } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { HOLDS } from "../../texts/attempts.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";

const REASON_LIMIT = 1_000;

export function Holds({ attempt }: { attempt: AttemptSummary }): JSX.Element {
  const loading = useLoad<Page<HoldView>>("/admin/holds", { attempt_id: attempt.attempt_id });
  const isOpen = useSignal(false);
  const holds = loading.state.value.data?.items ?? [];
  const close = (): void => {
    isOpen.value = false;
  };
  return (
    <div class="v-stack-s">
      {holds.map((hold) => (
        <Held key={hold.hold_id} hold={hold} onReleased={loading.reload} />
      ))}
      {attempt.events_deleted_at === null && (
        <div>
          <Button size="small" variant="quiet" onClick={() => (isOpen.value = true)}>
            {HOLDS.hold}
          </Button>
        </div>
      )}
      <Dialog title={HOLDS.title} open={isOpen.value} onClose={close}>
        <HoldForm
          attemptId={attempt.attempt_id}
          onClose={close}
          onHeld={() => {
            close();
            loading.reload();
          }}
        />
      </Dialog>
    </div>
  );
}

function Held({ hold, onReleased }: { hold: HoldView; onReleased: () => void }): JSX.Element {
  const action = useAction();
  const release = (): void =>
    void action.run(async () => {
      await api.delete(`/admin/holds/${hold.hold_id}`);
      toast(HOLDS.released, "good");
      onReleased();
    });
  return (
    <div class="v-row-s v-small">
      <span dir="auto">
        {HOLDS.heldBy(hold.placed_by ?? HOLDS.server, formatDateTime(hold.placed_at), hold.reason)}
      </span>
      {hold.until !== null && <span class="v-soft">{HOLDS.until(formatDateTime(hold.until))}</span>}
      <Button size="small" variant="quiet" busy={action.busy.value} onClick={release}>
        {HOLDS.release}
      </Button>
      <ErrorNotice text={action.failed.value} />
    </div>
  );
}

interface HoldFormProps {
  attemptId: string;
  onClose: () => void;
  onHeld: () => void;
}

function HoldForm({ attemptId, onClose, onHeld }: HoldFormProps): JSX.Element {
  const reason = useSignal("");
  const action = useAction();
  const canHold = reason.value.trim() !== "";
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!canHold) return;
    void action.run(async () => {
      await api.post("/admin/holds", { attempt_id: attemptId, reason: reason.value.trim() });
      toast(HOLDS.held, "good");
      onHeld();
    });
  };
  return (
    <form class="v-stack" onSubmit={submit}>
      <p>{HOLDS.about}</p>
      <ErrorNotice text={action.failed.value} />
      <Field label={HOLDS.reason} help={HOLDS.reasonHelp}>
        {(control) => (
          <textarea
            {...control}
            rows={2}
            maxLength={REASON_LIMIT}
            required
            value={reason.value}
            onInput={(event) => (reason.value = event.currentTarget.value)}
          />
        )}
      </Field>
      <div class="v-dialog-foot c-foot">
        <Button onClick={onClose}>{COMMON.cancel}</Button>
        <Button variant="primary" type="submit" busy={action.busy.value} disabled={!canHold}>
          {HOLDS.submit}
        </Button>
      </div>
    </form>
  );
}
