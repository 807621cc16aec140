// The answer to a single choice question.
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { answerTexts as texts } from "../../texts.ts";
import { type AnswerProps, answerTo } from "./answer-field.tsx";

export function ChoiceField({ item, session }: AnswerProps): JSX.Element {
  const name = useId();
  const chosen = answerTo({ item, session });
  return (
    <fieldset class="x-choices">
      <legend class="v-label">{texts.chooseOne}</legend>
      {item.choices.map((choice) => (
        <label class="x-choice" key={choice}>
          <input type="radio" name={name} checked={chosen === choice} onChange={() => session.choose(item, choice)} />
          <span dir="auto">{choice}</span>
        </label>
      ))}
    </fieldset>
  );
}
