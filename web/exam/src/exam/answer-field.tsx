// One question and the place for its answer, by kind. What is given goes to the sitting; nothing is kept here but what a
// number field shows while it is no number.
import type { Json } from "@veritas/proctor/index.ts";
import { Field } from "@veritas/shared/ui.tsx";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { MOST_TEXT_BYTES, readNumber, wireBytes } from "../session/answers.ts";
import type { Item } from "../types.ts";
import type { Sitting } from "../session/session.ts";
import { plural } from "../texts.ts";

interface Props {
  item: Item;
  sitting: Sitting;
}

export function Answer({ item, sitting }: Props): JSX.Element {
  switch (item.kind) {
    case "choice":
      return <Choice item={item} sitting={sitting} />;
    case "multiple":
      return <Multiple item={item} sitting={sitting} />;
    case "number":
      return <NumberField item={item} sitting={sitting} />;
    case "text":
      return <Text item={item} sitting={sitting} />;
  }
}

const answerTo = ({ item, sitting }: Props): Json => sitting.answers.value[item.item] ?? null;

function Choice({ item, sitting }: Props): JSX.Element {
  const name = useId();
  const chosen = answerTo({ item, sitting });
  return (
    <fieldset class="x-choices">
      <legend class="v-label">Choose one</legend>
      {item.choices.map((choice) => (
        <label class="x-choice" key={choice}>
          <input type="radio" name={name} checked={chosen === choice} onChange={() => sitting.choose(item, choice)} />
          <span>{choice}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Multiple({ item, sitting }: Props): JSX.Element {
  const value = answerTo({ item, sitting });
  const chosen = Array.isArray(value) ? value : [];
  const toggle = (choice: string, isOn: boolean) =>
    sitting.choose(
      item,
      item.choices.filter((one) => (one === choice ? isOn : chosen.includes(one))),
    );
  return (
    <fieldset class="x-choices">
      <legend class="v-label">Choose all that apply</legend>
      {item.choices.map((choice) => (
        <label class="x-choice" key={choice}>
          <input
            type="checkbox"
            checked={chosen.includes(choice)}
            onChange={(event) => toggle(choice, event.currentTarget.checked)}
          />
          <span>{choice}</span>
        </label>
      ))}
    </fieldset>
  );
}

function NumberField({ item, sitting }: Props): JSX.Element {
  const typed = useSignal<string | null>(null);
  const value = answerTo({ item, sitting });
  const shown = typed.value ?? (typeof value === "number" || typeof value === "string" ? String(value) : "");
  const isUnreadable = sitting.unreadable.value.has(item.item);
  const take = (text: string) => {
    typed.value = text;
    const number = readNumber(text);
    sitting.setUnreadable(item, number === undefined);
    if (number !== undefined && number !== (sitting.answers.value[item.item] ?? null)) sitting.type(item, number);
  };
  return (
    <Field
      label="Your answer, a number"
      hint="A point or a comma before the decimals, such as 3.14 or 3,14."
      error={isUnreadable ? "This is not a number, so it is not saved." : null}
    >
      {(control) => (
        <input
          {...control}
          class="v-input x-number"
          inputMode="decimal"
          autoComplete="off"
          maxLength={40}
          value={shown}
          onInput={(event) => take(event.currentTarget.value)}
          onBlur={() => sitting.flush(item.item)}
        />
      )}
    </Field>
  );
}

function Text({ item, sitting }: Props): JSX.Element {
  const value = answerTo({ item, sitting });
  const text = typeof value === "string" ? value : "";
  const words = text.trim() === "" ? 0 : text.trim().split(/\s+/).length;
  const left = MOST_TEXT_BYTES - wireBytes(text);
  return (
    <Field
      label="Your answer"
      hint={
        <span class="v-number">
          {plural(words, "word")}
          {left < 3_000 && ` · room for about ${plural(Math.max(0, left), "more character")}`}
        </span>
      }
    >
      {(control) => (
        <textarea
          {...control}
          class="v-input x-text"
          rows={12}
          value={text}
          spellcheck={false}
          onInput={(event) => {
            const field = event.currentTarget;
            sitting.type(item, field.value);
            const kept = sitting.answers.value[item.item];
            // What is over the limit is not taken, and must not look as if it were.
            if (typeof kept === "string" && kept !== field.value) field.value = kept;
          }}
          onBlur={() => sitting.flush(item.item)}
        />
      )}
    </Field>
  );
}
