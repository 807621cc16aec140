// The answer to a multiple choice question.
import type { JSX } from "preact";
import { answerTexts as texts } from "../../texts.ts";
import { type AnswerProps, answerTo } from "./answer-field.tsx";

export function MultipleField({ item, session }: AnswerProps): JSX.Element {
  const value = answerTo({ item, session });
  const chosen = Array.isArray(value) ? value : [];
  const toggle = (toggled: string, isOn: boolean) =>
    session.choose(
      item,
      item.choices.filter((choice) => (choice === toggled ? isOn : chosen.includes(choice))),
    );
  return (
    <fieldset class="x-choices">
      <legend class="v-label">{texts.chooseAll}</legend>
      {item.choices.map((choice) => (
        <label class="x-choice" key={choice}>
          <input
            type="checkbox"
            checked={chosen.includes(choice)}
            onChange={(event) => toggle(choice, event.currentTarget.checked)}
          />
          <span dir="auto">{choice}</span>
        </label>
      ))}
    </fieldset>
  );
}
