/** The answers of a choice question, with marks for the correct ones. */

import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { Button, Icon } from "@veritas/shared/ui/index.ts";
import { ITEMS } from "../../texts/items.ts";
import { type Draft, markChoice, removeChoice } from "./drafts.ts";

interface ChoicesProps {
  draft: Draft;
  readOnly: boolean;
  error: string | undefined;
  onChange: (draft: Draft) => void;
}

export function Choices({ draft, readOnly, error, onChange }: ChoicesProps): JSX.Element {
  const id = useId();
  const errorId = `${id}-error`;
  return (
    <fieldset class="v-stack-s" aria-describedby={error === undefined ? undefined : errorId}>
      <legend>{draft.kind === "choice" ? ITEMS.choices : ITEMS.choicesMany}</legend>
      {draft.choices.map((_, at) => (
        <Choice key={at} draft={draft} at={at} group={`${id}-correct`} readOnly={readOnly} onChange={onChange} />
      ))}
      {error !== undefined && (
        <div class="v-error" id={errorId}>
          <Icon name="critical" size={14} /> {error}
        </div>
      )}
      {!readOnly && (
        <div>
          <Button size="small" icon="plus" onClick={() => onChange({ ...draft, choices: [...draft.choices, ""] })}>
            {ITEMS.addChoice}
          </Button>
        </div>
      )}
    </fieldset>
  );
}

interface ChoiceProps extends Omit<ChoicesProps, "error"> {
  at: number;
  /** The name that radio buttons of one question share. */
  group: string;
}

function Choice({ draft, at, group, readOnly, onChange }: ChoiceProps): JSX.Element {
  const setText = (text: string): void =>
    onChange({ ...draft, choices: draft.choices.map((old, place) => (place === at ? text : old)) });
  return (
    <div class="c-choice">
      <input
        type={draft.kind === "choice" ? "radio" : "checkbox"}
        name={group}
        aria-label={ITEMS.isCorrect(at + 1)}
        disabled={readOnly}
        checked={draft.correct.has(at)}
        onChange={(event) => onChange(markChoice(draft, at, event.currentTarget.checked))}
      />
      <input
        class="v-input"
        aria-label={ITEMS.choice(at + 1)}
        readOnly={readOnly}
        value={draft.choices[at]}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {!readOnly && draft.choices.length > 2 && (
        <Button
          size="small"
          variant="quiet"
          icon="close"
          label={ITEMS.removeChoice(at + 1)}
          onClick={() => onChange(removeChoice(draft, at))}
        />
      )}
    </div>
  );
}
