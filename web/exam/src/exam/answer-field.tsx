// One question and the place for its answer, by kind. What is given goes to the session; nothing is kept here but what a
// number field shows while it is no number.
import type { Json } from "@veritas/proctor/index.ts";
import { Field } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { MAX_TEXT_BYTES, readNumber, wireBytes } from "../session/answers.ts";
import type { Item } from "../types.ts";
import type { ExamSession } from "../session/session.ts";
import { plural } from "../texts.ts";

interface Props {
  item: Item;
  session: ExamSession;
}

export function Answer({ item, session }: Props): JSX.Element {
  switch (item.kind) {
    case "choice":
      return <Choice item={item} session={session} />;
    case "multiple":
      return <Multiple item={item} session={session} />;
    case "number":
      return <NumberField item={item} session={session} />;
    case "text":
      return <Text item={item} session={session} />;
  }
}

const answerTo = ({ item, session }: Props): Json => session.answers.value[item.item] ?? null;

function Choice({ item, session }: Props): JSX.Element {
  const name = useId();
  const chosen = answerTo({ item, session });
  return (
    <fieldset class="x-choices">
      <legend class="v-label">Choose one</legend>
      {item.choices.map((choice) => (
        <label class="x-choice" key={choice}>
          <input type="radio" name={name} checked={chosen === choice} onChange={() => session.choose(item, choice)} />
          <span>{choice}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Multiple({ item, session }: Props): JSX.Element {
  const value = answerTo({ item, session });
  const chosen = Array.isArray(value) ? value : [];
  const toggle = (choice: string, isOn: boolean) =>
    session.choose(
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

function NumberField({ item, session }: Props): JSX.Element {
  const typed = useSignal<string | null>(null);
  const value = answerTo({ item, session });
  const shown = typed.value ?? (typeof value === "number" || typeof value === "string" ? String(value) : "");
  const isUnreadable = session.unreadable.value.has(item.item);
  const take = (text: string) => {
    typed.value = text;
    const number = readNumber(text);
    session.setUnreadable(item, number === undefined);
    if (number !== undefined && number !== (session.answers.value[item.item] ?? null)) session.type(item, number);
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
          onBlur={() => session.flush(item.item)}
        />
      )}
    </Field>
  );
}

function Text({ item, session }: Props): JSX.Element {
  const value = answerTo({ item, session });
  const text = typeof value === "string" ? value : "";
  const words = text.trim() === "" ? 0 : text.trim().split(/\s+/).length;
  const left = MAX_TEXT_BYTES - wireBytes(text);
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
            session.type(item, field.value);
            const kept = session.answers.value[item.item];
            // What is over the limit is not taken, and must not look as if it were.
            if (typeof kept === "string" && kept !== field.value) field.value = kept;
          }}
          onBlur={() => session.flush(item.item)}
        />
      )}
    </Field>
  );
}
