/** The students of an exam: add them, show their codes once, and remove them. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Empty, Spinner } from "@veritas/shared/ui/index.ts";
import { type Paged, usePages } from "../../rest/load.ts";
import type { ExamView, RosterStudent, StudentCode } from "../../rest/types.ts";
import { RENEW_CODES, ROSTER } from "../../texts/roster.ts";
import { COMMON } from "../../texts/shell.ts";
import { LoadError } from "../../ui/load-error.tsx";
import { AddStudentsForm } from "./add-students-form.tsx";
import { Codes } from "./codes.tsx";
import { RemoveDialog } from "./remove-dialog.tsx";
import { RenewDialog } from "./renew-dialog.tsx";
import { RosterTable } from "./roster-table.tsx";

interface RosterProps {
  exam: ExamView;
  readOnly: boolean;
  onChange: () => void;
}

export function Roster({ exam, readOnly, onChange }: RosterProps): JSX.Element {
  const list = usePages<RosterStudent>(`/exams/${exam.exam_id}/roster`, { limit: 200 });
  const codes = useSignal<readonly StudentCode[] | null>(null);
  const renewing = useSignal(false);
  const removing = useSignal<RosterStudent | null>(null);
  const refresh = (): void => {
    list.reload();
    onChange();
  };
  const onCodes = (given: readonly StudentCode[]): void => {
    codes.value = given;
    refresh();
  };
  return (
    <div class="v-stack">
      {codes.value !== null && <Codes exam={exam} codes={codes.value} onClose={() => (codes.value = null)} />}
      {!readOnly && <AddStudentsForm exam={exam} onCodes={onCodes} />}
      <RosterList list={list} onRemove={readOnly ? null : (student) => (removing.value = student)} />
      {!readOnly && list.items.length > 0 && (
        <div>
          <Button onClick={() => (renewing.value = true)}>{RENEW_CODES.button}</Button>
        </div>
      )}
      <RenewDialog exam={exam} open={renewing.value} onClose={() => (renewing.value = false)} onCodes={onCodes} />
      <RemoveDialog exam={exam} student={removing.value} onClose={() => (removing.value = null)} onRemoved={refresh} />
    </div>
  );
}

interface RosterListProps {
  list: Paged<RosterStudent>;
  /** Null if the user may not remove students. */
  onRemove: ((student: RosterStudent) => void) | null;
}

/** Unlike other lists it stays while the next page loads: the button shows that it is busy. */
function RosterList({ list, onRemove }: RosterListProps): JSX.Element {
  const isEmpty = list.items.length === 0;
  return (
    <>
      {list.error !== null && <LoadError error={list.error} onRetry={list.reload} />}
      {list.loading && isEmpty && <Spinner label={COMMON.loading(ROSTER.what)} />}
      {!list.loading && list.error === null && isEmpty && (
        <div class="v-card">
          <Empty title={ROSTER.empty} />
        </div>
      )}
      {!isEmpty && <RosterTable students={list.items} hasMore={list.more !== null} onRemove={onRemove} />}
      {list.more !== null && (
        <div>
          <Button busy={list.loading} onClick={list.more}>
            {COMMON.showMore}
          </Button>
        </div>
      )}
    </>
  );
}
