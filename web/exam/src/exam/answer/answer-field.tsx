// The field for the answer of one question, by its kind.
import type { Json } from "@veritas/proctor";
import { own } from "@veritas/shared/lookup/own.ts";
import type { JSX } from "preact";
import type { ExamSession } from "../../session/session.ts";
import type { Item } from "../../types.ts";
import { ChoiceField } from "./choice-field.tsx";
import { MultipleField } from "./multiple-field.tsx";
import { NumberField } from "./number-field.tsx";
import { TextField } from "./text-field.tsx";

export interface AnswerProps {
  item: Item;
  session: ExamSession;
}

export function AnswerField(props: AnswerProps): JSX.Element {
  switch (props.item.kind) {
    case "choice":
      return <ChoiceField {...props} />;
    case "multiple":
      return <MultipleField {...props} />;
    case "number":
      return <NumberField {...props} />;
    case "text":
      return <TextField {...props} />;
  }
}

/** Return the current answer to an item; null when there is none. */
export const answerTo = ({ item, session }: AnswerProps): Json => own(session.answers.value, item.item) ?? null;
