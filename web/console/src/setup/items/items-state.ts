/** The state of the question editor: the drafts, whether they are saved, and how they change. */

import { type Signal, useSignal } from "@preact/signals";
import { Problem, errorText } from "@veritas/shared/api.ts";
import { announce, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import { plainPath } from "../../rest/errors.ts";
import type { ItemKind, Items } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { ITEMS } from "../../texts/items.ts";
import { type Draft, missing, newDraft, sameItems, toDraft, toItem } from "./drafts.ts";

export interface ItemsState {
  readonly drafts: Signal<readonly Draft[]>;
  readonly isChanged: boolean;
  /** Whether missing fields are marked: after the first try to save. */
  readonly showsMissing: Signal<boolean>;
  readonly busy: Signal<boolean>;
  readonly failed: Signal<string | null>;
  readonly change: (at: number, draft: Draft) => void;
  readonly add: (kind: ItemKind) => void;
  readonly move: (at: number, by: number) => void;
  readonly remove: (at: number) => void;
  readonly save: () => Promise<void>;
}

/** The id of the element with a question's text. */
export function promptId(item: string): string {
  return `prompt-${item}`;
}

/** `items[2].points` → `Question 3, points`. */
export function questionOf(path: string): string {
  const found = /items\[(\d+)\]\.?(.*)/.exec(path);
  if (found === null) return path;
  const field = found[2]?.replaceAll("_", " ");
  return [ITEMS.question(Number(found[1]) + 1), field].filter(Boolean).join(", ");
}

function explain(error: unknown): string {
  const fault = error instanceof Problem ? error.faults[0] : undefined;
  return fault === undefined ? errorText(error) : `${questionOf(plainPath(fault.path))}: ${fault.message}`;
}

/** Move one element of a list; null if it does not exist. */
export function moved<T>(list: readonly T[], at: number, by: number): readonly T[] | null {
  const next = [...list];
  const [taken] = next.splice(at, 1);
  if (taken === undefined) return null;
  next.splice(at + by, 0, taken);
  return next;
}

export function useItemsState(examId: string, start: Items, onSaved: () => void): ItemsState {
  const saved = start.items.map(toDraft);
  const drafts = useSignal<readonly Draft[]>(saved);
  const showsMissing = useSignal(false);
  const { busy, failed, run } = useAction(explain);
  const focusPrompt = (item: string): void => document.getElementById(promptId(item))?.focus();
  const save = async (): Promise<void> => {
    showsMissing.value = true;
    const incomplete = drafts.value.findIndex((draft) => missing(draft).size > 0);
    if (incomplete >= 0) {
      failed.value = ITEMS.incomplete(incomplete + 1);
      focusPrompt(drafts.value[incomplete]?.item ?? "");
      return;
    }
    await run(async () => {
      await api.put(`/exams/${examId}/items`, { items: drafts.value.map(toItem) });
      toast(ITEMS.saved, "good");
      onSaved();
    });
  };
  return {
    drafts,
    isChanged: !sameItems(drafts.value, saved),
    showsMissing,
    busy,
    failed,
    save,
    change(at, draft) {
      drafts.value = drafts.value.map((old, place) => (place === at ? draft : old));
    },
    add(kind) {
      const draft = newDraft(
        kind,
        drafts.value.map(({ item }) => item),
      );
      drafts.value = [...drafts.value, draft];
      queueMicrotask(() => requestAnimationFrame(() => focusPrompt(draft.item)));
    },
    move(at, by) {
      const next = moved(drafts.value, at, by);
      if (next === null) return;
      drafts.value = next;
      announce(ITEMS.moved(at + by + 1, next.length));
    },
    remove(at) {
      drafts.value = drafts.value.filter((_, place) => place !== at);
    },
  };
}
