/** The editor of an exam's questions: add, change, move, remove and save them. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Button, Empty } from "@veritas/shared/ui/index.ts";
import { count, points } from "../../format/numbers.ts";
import type { ItemKind, Items } from "../../rest/types.ts";
import { ITEMS, KINDS } from "../../texts/items.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import { missing } from "./drafts.ts";
import { type ItemsState, useItemsState } from "./items-state.ts";
import { Question } from "./question.tsx";

interface ItemsEditorProps {
  examId: string;
  start: Items;
  readOnly: boolean;
  onSaved: () => void;
}

export function ItemsEditor({ examId, start, readOnly, onSaved }: ItemsEditorProps): JSX.Element {
  const state = useItemsState(examId, start, onSaved);
  const { drafts } = state;
  useLeaveWarning(state.isChanged);
  return (
    <div class="v-stack">
      <Head state={state} version={start.version} readOnly={readOnly} />
      <ErrorNotice text={state.failed.value} />
      {drafts.value.length === 0 && (
        <div class="v-card">
          <Empty title={ITEMS.empty}>{readOnly ? null : <p>{ITEMS.emptyText}</p>}</Empty>
        </div>
      )}
      <ol class="c-questions">
        {drafts.value.map((draft, at) => (
          <Question
            key={draft.item}
            draft={draft}
            place={at + 1}
            total={drafts.value.length}
            readOnly={readOnly}
            errors={state.showsMissing.value ? missing(draft) : new Map()}
            onChange={(changed) => state.change(at, changed)}
            onMove={(by) => state.move(at, by)}
            onRemove={() => state.remove(at)}
          />
        ))}
      </ol>
      {!readOnly && <AddButtons onAdd={state.add} />}
    </div>
  );
}

/** Let the browser ask before the page is closed with unsaved changes. */
function useLeaveWarning(isChanged: boolean): void {
  useEffect(() => {
    if (!isChanged) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isChanged]);
}

function Head({ state, version, readOnly }: { state: ItemsState; version: number; readOnly: boolean }): JSX.Element {
  const drafts = state.drafts.value;
  const total = drafts.reduce((sum, draft) => sum + (draft.points || 0), 0);
  return (
    <div class="v-spread">
      <p class="v-soft">
        {ITEMS.summary(count(drafts.length, "question"), points(total), version)}
        {state.isChanged ? ITEMS.unsaved : ""}.
      </p>
      {!readOnly && (
        <Button variant="primary" busy={state.busy.value} disabled={!state.isChanged} onClick={() => void state.save()}>
          {ITEMS.save}
        </Button>
      )}
    </div>
  );
}

function AddButtons({ onAdd }: { onAdd: (kind: ItemKind) => void }): JSX.Element {
  return (
    <div class="v-row-s" role="group" aria-label={ITEMS.add}>
      {KINDS.map(({ kind, name }) => (
        <Button key={kind} icon="plus" onClick={() => onAdd(kind)}>
          {name}
        </Button>
      ))}
    </div>
  );
}
