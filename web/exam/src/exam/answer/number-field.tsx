// The answer to a numeric question. While the text is not a number, it stays in the field and is not saved.
import { Field } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { readNumber } from "../../session/answers.ts";
import { answerTexts as texts } from "../../texts.ts";
import { type AnswerProps, answerTo } from "./answer-field.tsx";

export function NumberField({ item, session }: AnswerProps): JSX.Element {
  const typed = useSignal<string | null>(null);
  const value = answerTo({ item, session });
  const shown = typed.value ?? (typeof value === "number" || typeof value === "string" ? String(value) : "");
  const isUnreadable = session.unreadable.value.has(item.item);
  const take = (text: string) => {
    typed.value = text;
    const number = readNumber(text);
    session.setUnreadable(item, number === undefined);
    if (number !== undefined && number !== answerTo({ item, session })) session.type(item, number);
  };
  return (
    <Field label={texts.number} help={texts.numberHelp} error={isUnreadable ? texts.notANumber : null}>
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
