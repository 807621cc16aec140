/** One question in the editor. */

import type { JSX } from "preact";
import { Button, Field } from "@veritas/shared/ui/index.ts";
import type { ItemKind } from "../../rest/types.ts";
import { ITEMS, KINDS } from "../../texts/items.ts";
import { COMMON } from "../../texts/shell.ts";
import { Choices } from "./choices.tsx";
import { type Draft, toKind } from "./drafts.ts";
import { promptId } from "./items-state.ts";

interface QuestionProps {
  draft: Draft;
  /** From 1. */
  place: number;
  total: number;
  readOnly: boolean;
  /** By field. */
  errors: ReadonlyMap<string, string>;
  onChange: (draft: Draft) => void;
  onMove: (by: number) => void;
  onRemove: () => void;
}

export function Question(props: QuestionProps): JSX.Element {
  const { draft, place, readOnly, errors, onChange } = props;
  const isChoice = draft.kind === "choice" || draft.kind === "multiple";
  return (
    <li class="v-card v-stack">
      <div class="v-spread">
        <h2 class="c-h3">
          {ITEMS.question(place)} <span class="v-soft v-mono">{draft.item}</span>
        </h2>
        {!readOnly && <QuestionButtons {...props} />}
      </div>
      <Field label={ITEMS.prompt} error={errors.get("prompt")}>
        {(control) => (
          <textarea
            {...control}
            id={promptId(draft.item)}
            aria-label={ITEMS.promptOf(place)}
            rows={2}
            readOnly={readOnly}
            value={draft.prompt}
            onInput={(event) => onChange({ ...draft, prompt: event.currentTarget.value })}
          />
        )}
      </Field>
      <KindAndPoints {...props} />
      {isChoice && <Choices draft={draft} readOnly={readOnly} error={errors.get("choices")} onChange={onChange} />}
      {draft.kind === "number" && <NumberKey {...props} />}
    </li>
  );
}

function QuestionButtons({ place, total, onMove, onRemove }: QuestionProps): JSX.Element {
  return (
    <div class="v-row-s">
      <Button
        size="small"
        variant="quiet"
        disabled={place === 1}
        onClick={() => onMove(-1)}
        aria-label={ITEMS.moveUp(place)}
      >
        {COMMON.up}
      </Button>
      <Button
        size="small"
        variant="quiet"
        disabled={place === total}
        onClick={() => onMove(1)}
        aria-label={ITEMS.moveDown(place)}
      >
        {COMMON.down}
      </Button>
      <Button size="small" variant="quiet" onClick={onRemove} aria-label={ITEMS.removeOf(place)}>
        {COMMON.remove}
      </Button>
    </div>
  );
}

function KindAndPoints({ draft, readOnly, errors, onChange }: QuestionProps): JSX.Element {
  return (
    <div class="c-form-row">
      <Field label={ITEMS.kind} help={KINDS.find(({ kind }) => kind === draft.kind)?.help}>
        {(control) => (
          <select
            {...control}
            disabled={readOnly}
            value={draft.kind}
            onChange={(event) => onChange(toKind(draft, event.currentTarget.value as ItemKind))}
          >
            {KINDS.map(({ kind, name }) => (
              <option key={kind} value={kind}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={ITEMS.points} error={errors.get("points")}>
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
  );
}

function NumberKey({ draft, readOnly, errors, onChange }: QuestionProps): JSX.Element {
  return (
    <div class="c-form-row">
      {(["value", "tolerance"] as const).map((name) => (
        <Field key={name} label={ITEMS[name]} error={errors.get(name)}>
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
  );
}
