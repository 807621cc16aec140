/** Erases a student or teacher after a reason was chosen and the username was typed. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Check, Dialog, Field, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../rest/action.ts";
import type { Erased, ErasureReason, UserRow } from "../rest/types.ts";
import { api } from "../state.ts";
import { ERASE } from "../texts/admin.ts";
import { COMMON } from "../texts/shell.ts";
import { ErrorNotice } from "../ui/error-notice.tsx";
import { isTyped, TypedConfirmation } from "../ui/typed-confirmation.tsx";

const REASONS = Object.keys(ERASE.reasons) as readonly ErasureReason[];

interface EraseDialogProps {
  /** Null while the dialog is closed. */
  user: UserRow | null;
  onClose: () => void;
  onErased: () => void;
}

export function EraseDialog({ user, onClose, onErased }: EraseDialogProps): JSX.Element {
  return (
    <Dialog title={ERASE.title(user?.name ?? "")} open={user !== null} onClose={onClose}>
      {user !== null && <EraseForm user={user} onClose={onClose} onErased={onErased} />}
    </Dialog>
  );
}

function EraseForm({ user, onClose, onErased }: EraseDialogProps & { user: UserRow }): JSX.Element {
  const reason = useSignal<ErasureReason>("requested");
  const isForced = useSignal(false);
  const typed = useSignal("");
  const action = useAction();
  const canErase = isTyped(user.username, typed.value);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!canErase) return;
    void action.run(async () => {
      const erasure = { reason: reason.value, force: isForced.value };
      const erased = await api.post<Erased>(`/admin/users/${user.user_id}/erase`, erasure);
      toast(ERASE.erased(erased.attempts), "good");
      onErased();
    });
  };
  return (
    <form class="v-stack" onSubmit={submit}>
      <p>{ERASE.about}</p>
      <ErrorNotice text={action.failed.value} />
      <Field label={ERASE.reason} help={ERASE.reasonHelp}>
        {(control) => (
          <select
            {...control}
            value={reason.value}
            onChange={(event) => (reason.value = event.currentTarget.value as ErasureReason)}
          >
            {REASONS.map((each) => (
              <option key={each} value={each}>
                {ERASE.reasons[each]}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Check checked={isForced.value} onChange={(on) => (isForced.value = on)} help={ERASE.forceHelp}>
        {ERASE.force}
      </Check>
      <TypedConfirmation name={user.username} typed={typed} />
      <div class="v-dialog-foot c-foot">
        <Button onClick={onClose}>{COMMON.cancel}</Button>
        <Button variant="danger" type="submit" busy={action.busy.value} disabled={!canErase}>
          {ERASE.submit}
        </Button>
      </div>
    </form>
  );
}
