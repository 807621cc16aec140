// A form control with its label, help and error.
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "../display/icon.tsx";

interface FieldProps {
  label: string;
  help?: ComponentChildren;
  error?: string | null | undefined;
  /** Renders the control with these attributes, which connect it to its label, help and error. */
  children: (control: {
    id: string;
    class: string;
    "aria-describedby": string | undefined;
    "aria-invalid": "true" | undefined;
  }) => ComponentChildren;
}

/** A control with label, help and error: <Field label="Name">{(c) => <input {...c} />}</Field> */
export function Field({ label, help, error, children }: FieldProps): JSX.Element {
  const id = useId();
  const described = [help !== undefined && `${id}-help`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="v-field">
      <label for={id}>{label}</label>
      {children({
        id,
        class: "v-input",
        "aria-describedby": described === "" ? undefined : described,
        "aria-invalid": error ? "true" : undefined,
      })}
      {help !== undefined && (
        <div class="v-help" id={`${id}-help`}>
          {help}
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
