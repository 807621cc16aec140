// A checkbox or radio button with its label.
import type { ComponentChildren, JSX } from "preact";

interface CheckProps {
  children: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
  type?: "checkbox" | "radio";
  name?: string;
  disabled?: boolean;
  help?: ComponentChildren;
}

export function Check({
  children,
  checked,
  onChange,
  type = "checkbox",
  name,
  disabled,
  help,
}: CheckProps): JSX.Element {
  return (
    <label class="v-check">
      <input
        type={type}
        {...(name === undefined ? {} : { name })}
        checked={checked}
        disabled={disabled ?? false}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>
        {children}
        {help !== undefined && <span class="v-help"> {help}</span>}
      </span>
    </label>
  );
}
