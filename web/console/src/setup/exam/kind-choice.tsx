/** Chooses what an exam is for: a real exam, or practice whose data are deleted soon. */

import type { JSX } from "preact";
import { Check } from "@veritas/shared/ui/index.ts";
import { EXAM_FORM } from "../../texts/setup.ts";
import type { ExamFields } from "./fields.ts";

const KINDS = [
  { kind: "real", name: EXAM_FORM.real, help: EXAM_FORM.realHelp },
  { kind: "practice", name: EXAM_FORM.practice, help: EXAM_FORM.practiceHelp },
] as const;

interface KindChoiceProps {
  value: ExamFields["kind"];
  readOnly: boolean;
  onChange: (kind: ExamFields["kind"]) => void;
}

export function KindChoice({ value, readOnly, onChange }: KindChoiceProps): JSX.Element {
  return (
    <fieldset class="v-stack-s">
      <legend>{EXAM_FORM.kind}</legend>
      {KINDS.map(({ kind, name, help }) => (
        <Check
          key={kind}
          type="radio"
          name="kind"
          checked={value === kind}
          disabled={readOnly}
          onChange={() => onChange(kind)}
          help={help}
        >
          {name}
        </Check>
      ))}
    </fieldset>
  );
}
