// The answer to a numeric question. It shows how the text is read, and asks when it may mean two numbers. While the text is
// not a number, it stays in the field and is not saved.
import { Button, Field } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { type Reading, readNumber, toAnswer } from "../../session/numbers.ts";
import { answerTexts as texts } from "../../texts.ts";
import { type AnswerProps, answerTo } from "./answer-field.tsx";

export function NumberField({ item, session }: AnswerProps): JSX.Element {
  /** What was typed; null when the saved answer is shown. */
  const typed = useSignal<string | null>(null);
  const value = answerTo({ item, session });
  const shown = typed.value ?? (typeof value === "number" || typeof value === "string" ? String(value) : "");
  const isUnreadable = session.unreadable.value.has(item.item);
  const save = (number: number | null) => {
    const answer = number === null ? null : toAnswer(number);
    if (answer !== answerTo({ item, session })) session.type(item, answer);
  };
  const take = (text: string) => {
    typed.value = text;
    const reading = readNumber(text);
    session.setUnreadable(item, reading === undefined);
    if (reading !== undefined) save(reading?.value ?? null);
  };
  const choose = (number: number) => {
    typed.value = null;
    save(number);
    session.flush(item.item);
  };
  return (
    <div class="v-stack-s">
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
      <div role="status">{typed.value !== null && <Understood text={typed.value} onChoose={choose} />}</div>
    </div>
  );
}

function Understood({ text, onChoose }: { text: string; onChoose: (value: number) => void }): JSX.Element | null {
  const reading = readNumber(text);
  if (!reading) return null;
  if (reading.other !== null) return <Ask value={reading.value} other={reading.other} onChoose={onChoose} />;
  return String(reading.value) === text.trim() ? null : <p class="x-understood">{texts.readAs(reading.value)}</p>;
}

interface AskProps extends Reading {
  other: number;
  onChoose: (value: number) => void;
}

function Ask({ value, other, onChoose }: AskProps): JSX.Element {
  return (
    <div class="v-stack-s">
      <p class="x-understood">{texts.twoMeanings(value, other)}</p>
      <div class="v-row">
        {[value, other].map((number) => (
          <Button key={number} size="small" onClick={() => onChoose(number)}>
            {texts.choose(number)}
          </Button>
        ))}
      </div>
    </div>
  );
}
