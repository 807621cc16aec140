/** The editor of an exam's questions with their keys. Saving makes a new version; running attempts keep theirs. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId } from "preact/hooks";
import { announce, Button, Empty, Field, Icon, Notice, toast } from "@veritas/shared/ui/index.ts";
import { errorText, Problem } from "@veritas/shared/api.ts";
import { plain } from "../../rest/errors.ts";
import { type Draft, KINDS, missing, newDraft, removeChoice, sameItems, toDraft, toItem, toKind } from "./drafts.ts";
import { useLoad } from "../../rest/load.ts";
import type { ItemKind, Items } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { count, points } from "../../format/format.ts";
import { Shown } from "../../ui/page.tsx";

export function Questions({
  examId,
  readOnly,
  onSaved,
}: {
  examId: string;
  readOnly: boolean;
  onSaved: () => void;
}): JSX.Element {
  const loading = useLoad<Items>(`/exams/${examId}/items`);
  return (
    <Shown of={loading} label="Fetching the questions…">
      {(data) => (
        <Editor
          key={data.version}
          examId={examId}
          start={data}
          readOnly={readOnly}
          onSaved={() => {
            loading.reload();
            onSaved();
          }}
        />
      )}
    </Shown>
  );
}

interface EditorProps {
  examId: string;
  start: Items;
  readOnly: boolean;
  onSaved: () => void;
}

function Editor({ examId, start, readOnly, onSaved }: EditorProps): JSX.Element {
  const first = start.items.map(toDraft);
  const drafts = useSignal<readonly Draft[]>(first);
  const tried = useSignal(false);
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const isChanged = !sameItems(drafts.value, first);
  useEffect(() => {
    if (!isChanged) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [isChanged]);
  const change = (at: number, draft: Draft): void => {
    drafts.value = drafts.value.map((one, place) => (place === at ? draft : one));
  };
  const add = (kind: ItemKind): void => {
    const draft = newDraft(
      kind,
      drafts.value.map((one) => one.item),
    );
    drafts.value = [...drafts.value, draft];
    queueMicrotask(() => requestAnimationFrame(() => document.getElementById(`prompt-${draft.item}`)?.focus()));
  };
  const move = (at: number, by: number): void => {
    const next = [...drafts.value];
    const [taken] = next.splice(at, 1);
    if (taken === undefined) return;
    next.splice(at + by, 0, taken);
    drafts.value = next;
    announce(`Question moved to place ${at + by + 1} of ${next.length}.`);
  };
  const save = async (): Promise<void> => {
    tried.value = true;
    failed.value = null;
    const wrong = drafts.value.findIndex((draft) => missing(draft).size > 0);
    if (wrong >= 0) {
      failed.value = `Question ${wrong + 1} is not complete.`;
      document.getElementById(`prompt-${drafts.value[wrong]?.item ?? ""}`)?.focus();
      return;
    }
    busy.value = true;
    try {
      await api.put(`/exams/${examId}/items`, { items: drafts.value.map(toItem) });
      toast("Questions saved.", "good");
      onSaved();
    } catch (error) {
      const fault = error instanceof Problem ? error.faults[0] : undefined;
      failed.value = fault === undefined ? errorText(error) : `${nameOf(plain(fault.path))}: ${fault.message}`;
    } finally {
      busy.value = false;
    }
  };
  const total = drafts.value.reduce((sum, draft) => sum + (draft.points || 0), 0);
  return (
    <div class="v-stack">
      <div class="v-spread">
        <p class="v-soft">
          {count(drafts.value.length, "question")}, {points(total)} points. Version {start.version}
          {isChanged ? ", with changes that are not saved" : ""}.
        </p>
        {!readOnly && (
          <Button variant="primary" busy={busy.value} disabled={!isChanged} onClick={() => void save()}>
            Save the questions
          </Button>
        )}
      </div>
      {failed.value !== null && (
        <Notice tone="critical" role="alert">
          {failed.value}
        </Notice>
      )}
      {drafts.value.length === 0 && (
        <div class="v-card">
          <Empty title="No questions yet">{readOnly ? null : <p>Begin with one of the kinds below.</p>}</Empty>
        </div>
      )}
      <ol class="c-questions">
        {drafts.value.map((draft, at) => (
          <Question
            key={draft.item}
            draft={draft}
            place={at + 1}
            of={drafts.value.length}
            readOnly={readOnly}
            wrong={tried.value ? missing(draft) : new Map()}
            onChange={(next) => change(at, next)}
            onMove={(by) => move(at, by)}
            onRemove={() => (drafts.value = drafts.value.filter((_, place) => place !== at))}
          />
        ))}
      </ol>
      {!readOnly && (
        <div class="v-row-s" role="group" aria-label="Add a question">
          {KINDS.map(({ kind, name }) => (
            <Button key={kind} icon="plus" onClick={() => add(kind)}>
              {name}
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}

/** `items[2].points` → `Question 3, points`. */
function nameOf(path: string): string {
  const found = /items\[(\d+)\]\.?(.*)/.exec(path);
  if (found === null) return path;
  return [`Question ${Number(found[1]) + 1}`, found[2]?.replaceAll("_", " ")].filter(Boolean).join(", ");
}

interface QuestionProps {
  draft: Draft;
  place: number;
  of: number;
  readOnly: boolean;
  wrong: ReadonlyMap<string, string>;
  onChange: (draft: Draft) => void;
  onMove: (by: number) => void;
  onRemove: () => void;
}

function Question({ draft, place, of, readOnly, wrong, onChange, onMove, onRemove }: QuestionProps): JSX.Element {
  const kind = KINDS.find((one) => one.kind === draft.kind);
  return (
    <li class="v-card v-stack">
      <div class="v-spread">
        <h2 class="c-h3">
          Question {place} <span class="v-soft v-mono">{draft.item}</span>
        </h2>
        {!readOnly && (
          <div class="v-row-s">
            <Button
              size="small"
              variant="quiet"
              disabled={place === 1}
              onClick={() => onMove(-1)}
              aria-label={`Move question ${place} up`}
            >
              Up
            </Button>
            <Button
              size="small"
              variant="quiet"
              disabled={place === of}
              onClick={() => onMove(1)}
              aria-label={`Move question ${place} down`}
            >
              Down
            </Button>
            <Button size="small" variant="quiet" onClick={onRemove} aria-label={`Remove question ${place}`}>
              Remove
            </Button>
          </div>
        )}
      </div>
      <Field label="What is asked" error={wrong.get("prompt")}>
        {(control) => (
          <textarea
            {...control}
            id={`prompt-${draft.item}`}
            aria-label={`What question ${place} asks`}
            rows={2}
            readOnly={readOnly}
            value={draft.prompt}
            onInput={(event) => onChange({ ...draft, prompt: event.currentTarget.value })}
          />
        )}
      </Field>
      <div class="c-form-row">
        <Field label="Kind" help={kind?.help}>
          {(control) => (
            <select
              {...control}
              disabled={readOnly}
              value={draft.kind}
              onChange={(event) => onChange(toKind(draft, event.currentTarget.value as ItemKind))}
            >
              {KINDS.map((one) => (
                <option key={one.kind} value={one.kind}>
                  {one.name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Points" error={wrong.get("points")}>
          {(control) => (
            <input
              {...control}
              type="number"
              min={0}
              step="any"
              readOnly={readOnly}
              value={Number.isNaN(draft.points) ? "" : draft.points}
              onInput={(event) => onChange({ ...draft, points: event.currentTarget.valueAsNumber })}
            />
          )}
        </Field>
      </div>
      {(draft.kind === "choice" || draft.kind === "multiple") && (
        <Choices draft={draft} readOnly={readOnly} wrong={wrong.get("choices")} onChange={onChange} />
      )}
      {draft.kind === "number" && (
        <div class="c-form-row">
          {(["value", "tolerance"] as const).map((name) => (
            <Field
              key={name}
              label={name === "value" ? "Right answer" : "Tolerance, more or less"}
              error={wrong.get(name)}
            >
              {(control) => (
                <input
                  {...control}
                  inputMode="decimal"
                  readOnly={readOnly}
                  value={draft[name]}
                  onInput={(event) => onChange({ ...draft, [name]: event.currentTarget.value.replace(",", ".") })}
                />
              )}
            </Field>
          ))}
        </div>
      )}
    </li>
  );
}

function Choices({
  draft,
  readOnly,
  wrong,
  onChange,
}: {
  draft: Draft;
  readOnly: boolean;
  wrong: string | undefined;
  onChange: (draft: Draft) => void;
}): JSX.Element {
  const id = useId();
  const one = draft.kind === "choice";
  const mark = (at: number, on: boolean): void => {
    const right = one ? new Set([at]) : new Set(draft.right);
    if (!one) {
      if (on) right.add(at);
      else right.delete(at);
    }
    onChange({ ...draft, right });
  };
  return (
    <fieldset class="v-stack-s" aria-describedby={wrong === undefined ? undefined : `${id}-wrong`}>
      <legend>Choices: mark what is right</legend>
      {draft.choices.map((choice, at) => (
        <div class="c-choice" key={at}>
          <input
            type={one ? "radio" : "checkbox"}
            name={`${id}-right`}
            aria-label={`Choice ${at + 1} is right`}
            disabled={readOnly}
            checked={draft.right.has(at)}
            onChange={(event) => mark(at, event.currentTarget.checked)}
          />
          <input
            class="v-input"
            aria-label={`Choice ${at + 1}`}
            readOnly={readOnly}
            value={choice}
            onInput={(event) =>
              onChange({
                ...draft,
                choices: draft.choices.map((old, place) => (place === at ? event.currentTarget.value : old)),
              })
            }
          />
          {!readOnly && draft.choices.length > 2 && (
            <Button
              size="small"
              variant="quiet"
              icon="close"
              label={`Remove choice ${at + 1}`}
              onClick={() => onChange(removeChoice(draft, at))}
            />
          )}
        </div>
      ))}
      {wrong !== undefined && (
        <div class="v-error" id={`${id}-wrong`}>
          <Icon name="critical" size={14} /> {wrong}
        </div>
      )}
      {!readOnly && (
        <div>
          <Button size="small" icon="plus" onClick={() => onChange({ ...draft, choices: [...draft.choices, ""] })}>
            Another choice
          </Button>
        </div>
      )}
    </fieldset>
  );
}
