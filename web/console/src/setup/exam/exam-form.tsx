/** The form of an exam's details, for a new exam and for one that exists. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { formatMoment, timeZone } from "@veritas/shared/time.ts";
import { Button, Check, Field } from "@veritas/shared/ui/index.ts";
import { useFormAction } from "../../rest/action.ts";
import { EXAM_FORM } from "../../texts/setup.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import { type ExamFields, fromLocal, toLocal } from "./fields.ts";
import { KindChoice } from "./kind-choice.tsx";
import { PresetChoice } from "./preset-choice.tsx";

const FIELDS = [
  "title",
  "subject",
  "topic",
  "description",
  "duration_minutes",
  "passing_score",
  "opens_at",
  "closes_at",
  "kind",
  "preset",
];
const TEXT_LIMIT = 200;
const DESCRIPTION_LIMIT = 10_000;
const DURATION_LIMIT_MINUTES = 10_080;

interface ExamFormProps {
  start: ExamFields;
  isNew: boolean;
  readOnly?: boolean;
  /** The text of the button. */
  submit: string;
  onSubmit: (fields: ExamFields) => Promise<void>;
}

export function ExamForm({ start, isNew, readOnly = false, submit, onSubmit }: ExamFormProps): JSX.Element {
  const fields = useSignal(start);
  const { busy, errors, run } = useFormAction(FIELDS);
  const group: GroupProps = {
    fields: fields.value,
    errors: errors.value.fields,
    readOnly,
    set: (changes) => (fields.value = { ...fields.value, ...changes }),
  };
  const save = (event: Event): void => {
    event.preventDefault();
    void run(() => onSubmit(fields.value));
  };
  return (
    <form class="v-stack c-form" onSubmit={save}>
      <ErrorNotice text={errors.value.general} />
      <TextField {...group} name="title" label={EXAM_FORM.title} required />
      <div class="c-form-row">
        <TextField {...group} name="subject" label={EXAM_FORM.subject} />
        <TextField {...group} name="topic" label={EXAM_FORM.topic} />
      </div>
      <NumberFields {...group} />
      <div class="c-form-row">
        <TimeField {...group} name="opens_at" label={EXAM_FORM.opens} help={EXAM_FORM.opensHelp} />
        <TimeField {...group} name="closes_at" label={EXAM_FORM.closes} help={EXAM_FORM.closesHelp} />
      </div>
      <DescriptionField {...group} />
      <KindChoice value={fields.value.kind} readOnly={readOnly} onChange={(kind) => group.set({ kind })} />
      {isNew && <PresetChoice value={fields.value.preset} onChange={(preset) => group.set({ preset })} />}
      <Check
        checked={fields.value.enable_model}
        disabled={readOnly}
        onChange={(on) => group.set({ enable_model: on })}
        help={EXAM_FORM.modelHelp}
      >
        {EXAM_FORM.model}
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

/** What all fields of the form share. */
interface GroupProps {
  fields: ExamFields;
  errors: ReadonlyMap<string, string>;
  readOnly: boolean;
  set: (changes: Partial<ExamFields>) => void;
}

interface TextFieldProps extends GroupProps {
  name: "title" | "subject" | "topic";
  label: string;
  required?: boolean;
}

function TextField({ fields, errors, readOnly, set, name, label, required = false }: TextFieldProps): JSX.Element {
  return (
    <Field label={label} error={errors.get(name)}>
      {(control) => (
        <input
          {...control}
          required={required}
          readOnly={readOnly}
          maxLength={TEXT_LIMIT}
          value={fields[name]}
          onInput={(event) => set({ [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  );
}

function NumberFields({ fields, errors, readOnly, set }: GroupProps): JSX.Element {
  return (
    <div class="c-form-row">
      <Field label={EXAM_FORM.duration} error={errors.get("duration_minutes")} help={EXAM_FORM.durationHelp}>
        {(control) => (
          <input
            {...control}
            type="number"
            min={1}
            max={DURATION_LIMIT_MINUTES}
            required
            readOnly={readOnly}
            value={fields.duration_minutes}
            onInput={(event) => set({ duration_minutes: event.currentTarget.valueAsNumber })}
          />
        )}
      </Field>
      <Field label={EXAM_FORM.passing} error={errors.get("passing_score")}>
        {(control) => (
          <input
            {...control}
            type="number"
            min={0}
            step="any"
            readOnly={readOnly}
            value={fields.passing_score}
            onInput={(event) => set({ passing_score: event.currentTarget.valueAsNumber || 0 })}
          />
        )}
      </Field>
    </div>
  );
}

interface TimeFieldProps extends GroupProps {
  name: "opens_at" | "closes_at";
  label: string;
  help: string;
}

function TimeField({ fields, errors, readOnly, set, name, label, help }: TimeFieldProps): JSX.Element {
  const at = fields[name];
  // An hour that the change to summer time skips, or that comes twice, is named as it was understood.
  const understood = at === null ? EXAM_FORM.inZone(timeZone()) : EXAM_FORM.understood(formatMoment(at), timeZone());
  return (
    <Field label={label} help={`${help} ${understood}`} error={errors.get(name)}>
      {(control) => (
        <input
          {...control}
          type="datetime-local"
          readOnly={readOnly}
          value={toLocal(at)}
          onChange={(event) => set({ [name]: fromLocal(event.currentTarget.value) })}
        />
      )}
    </Field>
  );
}

function DescriptionField({ fields, errors, readOnly, set }: GroupProps): JSX.Element {
  return (
    <Field label={EXAM_FORM.instructions} error={errors.get("description")}>
      {(control) => (
        <textarea
          {...control}
          rows={3}
          maxLength={DESCRIPTION_LIMIT}
          readOnly={readOnly}
          value={fields.description}
          onInput={(event) => set({ description: event.currentTarget.value })}
        />
      )}
    </Field>
  );
}
