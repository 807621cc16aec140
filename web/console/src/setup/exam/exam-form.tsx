/** What an exam is called, how long it lasts, when it is open; for a new one and for one that exists. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Check, Field, Notice } from "@veritas/shared/ui/index.ts";
import { NOTHING, type Refusal, refusal } from "../../rest/errors.ts";

export interface ExamFields {
  title: string;
  subject: string;
  topic: string;
  description: string;
  duration_minutes: number;
  passing_score: number;
  opens_at: number | null;
  closes_at: number | null;
  enable_model: boolean;
  preset: "browser" | "camera";
}

const NAMES = [
  "title",
  "subject",
  "topic",
  "description",
  "duration_minutes",
  "passing_score",
  "opens_at",
  "closes_at",
  "preset",
];

interface ExamFormProps {
  start: ExamFields;
  isNew: boolean;
  readOnly?: boolean;
  submit: string;
  onSubmit: (fields: ExamFields) => Promise<void>;
}

/** `datetime-local` wants the time of this place, without a zone. */
export function toLocal(ms: number | null): string {
  if (ms === null) return "";
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocal(text: string): number | null {
  const ms = text === "" ? NaN : new Date(text).getTime();
  return Number.isNaN(ms) ? null : ms;
}

export function ExamForm({ start, isNew, readOnly = false, submit, onSubmit }: ExamFormProps): JSX.Element {
  const fields = useSignal(start);
  const busy = useSignal(false);
  const refused = useSignal<Refusal>(NOTHING);
  const set = (some: Partial<ExamFields>): void => {
    fields.value = { ...fields.value, ...some };
  };
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    refused.value = NOTHING;
    try {
      await onSubmit(fields.value);
    } catch (error) {
      refused.value = refusal(error, NAMES);
    } finally {
      busy.value = false;
    }
  };
  const wrong = refused.value.fields;
  const now = fields.value;
  const text = (name: "title" | "subject" | "topic", label: string, required = false): JSX.Element => (
    <Field label={label} error={wrong.get(name)}>
      {(control) => (
        <input
          {...control}
          required={required}
          readOnly={readOnly}
          maxLength={200}
          value={now[name]}
          onInput={(event) => set({ [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  );
  const moment = (name: "opens_at" | "closes_at", label: string, help: string): JSX.Element => (
    <Field label={label} help={help} error={wrong.get(name)}>
      {(control) => (
        <input
          {...control}
          type="datetime-local"
          readOnly={readOnly}
          value={toLocal(now[name])}
          onChange={(event) => set({ [name]: fromLocal(event.currentTarget.value) })}
        />
      )}
    </Field>
  );
  return (
    <form class="v-stack c-form" onSubmit={(event) => void save(event)}>
      {refused.value.general !== null && (
        <Notice tone="critical" role="alert">
          {refused.value.general}
        </Notice>
      )}
      {text("title", "Title", true)}
      <div class="c-form-row">
        {text("subject", "Subject")}
        {text("topic", "Topic")}
      </div>
      <div class="c-form-row">
        <Field
          label="Duration in minutes"
          error={wrong.get("duration_minutes")}
          help="Each student's own time, from their start."
        >
          {(control) => (
            <input
              {...control}
              type="number"
              min={1}
              max={10_080}
              required
              readOnly={readOnly}
              value={now.duration_minutes}
              onInput={(event) => set({ duration_minutes: event.currentTarget.valueAsNumber })}
            />
          )}
        </Field>
        <Field label="Points needed to pass" error={wrong.get("passing_score")}>
          {(control) => (
            <input
              {...control}
              type="number"
              min={0}
              step="any"
              readOnly={readOnly}
              value={now.passing_score}
              onInput={(event) => set({ passing_score: event.currentTarget.valueAsNumber || 0 })}
            />
          )}
        </Field>
      </div>
      <div class="c-form-row">
        {moment("opens_at", "Opens", "Empty: as soon as it is published.")}
        {moment("closes_at", "Closes", "Empty: never by itself.")}
      </div>
      <Field label="Words to the students" error={wrong.get("description")}>
        {(control) => (
          <textarea
            {...control}
            rows={3}
            maxLength={10_000}
            readOnly={readOnly}
            value={now.description}
            onInput={(event) => set({ description: event.currentTarget.value })}
          />
        )}
      </Field>
      {isNew && (
        <fieldset class="v-stack-s">
          <legend>What is looked at</legend>
          <Check
            type="radio"
            name="preset"
            checked={now.preset === "browser"}
            onChange={() => set({ preset: "browser" })}
            help="Leaving the page or fullscreen, pasting. Nothing of the person is seen."
          >
            What a page can see
          </Check>
          <Check
            type="radio"
            name="preset"
            checked={now.preset === "camera"}
            onChange={() => set({ preset: "camera" })}
            help="Also what a camera's client concludes, such as gaze. It cannot be verified from the record."
          >
            Also a camera
          </Check>
        </fieldset>
      )}
      <Check
        checked={now.enable_model}
        disabled={readOnly}
        onChange={(on) => set({ enable_model: on })}
        help="After the exam a language model, if the house has one, writes a summary. It changes no score, status or flag."
      >
        Summaries by a model
      </Check>
      {!readOnly && (
        <div>
          <Button variant="primary" type="submit" busy={busy.value}>
            {submit}
          </Button>
        </div>
      )}
    </form>
  );
}
