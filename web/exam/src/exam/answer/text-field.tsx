// The answer to a free text question, with its number of words.
import { Field } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { MAX_TEXT_BYTES, wireBytes } from "../../session/answers.ts";
import { answerTexts as texts } from "../../texts.ts";
import { type AnswerProps, answerTo } from "./answer-field.tsx";

/** The remaining space is shown only below this. */
const NEARLY_FULL_BYTES = 3_000;

export function TextField({ item, session }: AnswerProps): JSX.Element {
  const value = answerTo({ item, session });
  const text = typeof value === "string" ? value : "";
  const words = text.trim() === "" ? 0 : text.trim().split(/\s+/).length;
  const left = MAX_TEXT_BYTES - wireBytes(text);
  const take = (field: HTMLTextAreaElement) => {
    session.type(item, field.value);
    const shown = answerTo({ item, session });
    // Text over the limit is not saved, so the field must not show it.
    if (typeof shown === "string" && shown !== field.value) field.value = shown;
  };
  return (
    <Field
      label={texts.text}
      help={
        <span class="v-number">
          {texts.words(words)}
          {left < NEARLY_FULL_BYTES && ` · ${texts.room(Math.max(0, left))}`}
        </span>
      }
    >
      {(control) => (
        <textarea
          {...control}
          class="v-input x-text"
          rows={12}
          dir="auto"
          value={text}
          spellcheck={false}
          onInput={(event) => take(event.currentTarget)}
          onBlur={() => session.flush(item.item)}
        />
      )}
    </Field>
  );
}
