/** Chooses what is monitored: the browser alone, or a camera too. Only for a new exam. */

import type { JSX } from "preact";
import { Check } from "@veritas/shared/ui/index.ts";
import { EXAM_FORM } from "../../texts/setup.ts";
import type { ExamFields } from "./fields.ts";

const PRESETS = [
  { preset: "browser", name: EXAM_FORM.browser, help: EXAM_FORM.browserHelp },
  { preset: "camera", name: EXAM_FORM.camera, help: EXAM_FORM.cameraHelp },
] as const;

interface PresetChoiceProps {
  value: ExamFields["preset"];
  onChange: (preset: ExamFields["preset"]) => void;
}

export function PresetChoice({ value, onChange }: PresetChoiceProps): JSX.Element {
  return (
    <fieldset class="v-stack-s">
      <legend>{EXAM_FORM.monitoring}</legend>
      {PRESETS.map(({ preset, name, help }) => (
        <Check
          key={preset}
          type="radio"
          name="preset"
          checked={value === preset}
          onChange={() => onChange(preset)}
          help={help}
        >
          {name}
        </Check>
      ))}
    </fieldset>
  );
}
