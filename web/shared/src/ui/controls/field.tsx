// A form control with its label, hint and error.
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "../display/icon.tsx";

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  error?: string | null | undefined;
  /** Renders the control with these attributes, which connect it to its label, hint and error. */
  children: (control: {
    id: string;
    class: string;
    "aria-describedby": string | undefined;
    "aria-invalid": "true" | undefined;
  }) => ComponentChildren;
}

/** A control with label, hint and error: <Field label="Name">{(c) => <input {...c} />}</Field> */
export function Field({ label, hint, error, children }: FieldProps): JSX.Element {
  const id = useId();
  const described = [hint !== undefined && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="v-field">
      <label for={id}>{label}</label>
      {children({
        id,
        class: "v-input",
        "aria-describedby": described === "" ? undefined : described,
        "aria-invalid": error ? "true" : undefined,
      })}
      {hint !== undefined && (
        <div class="v-hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
      {error && (
        <div class="v-error" id={`${id}-error`}>
          <Icon name="critical" size={14} /> {error}
        </div>
      )}
    </div>
  );
}
