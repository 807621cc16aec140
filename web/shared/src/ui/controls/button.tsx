// A button with an optional icon. While `busy` it keeps the focus and ignores clicks.
import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "../display/icon.tsx";

interface ButtonProps {
  children?: ComponentChildren;
  variant?: "primary" | "secondary" | "danger" | "quiet";
  size?: "medium" | "small";
  type?: "button" | "submit";
  icon?: IconName;
  /** The name of a button that shows only its icon. */
  label?: string;
  /** While an action runs: the button keeps the focus and ignores clicks. */
  busy?: boolean;
  disabled?: boolean;
  onClick?: (event: MouseEvent) => void;
  [attribute: `aria-${string}`]: string | boolean | undefined;
  [attribute: `data-${string}`]: string | undefined;
  id?: string;
  title?: string;
}

export function Button(props: ButtonProps): JSX.Element {
  const {
    children,
    variant = "secondary",
    size = "medium",
    type = "button",
    icon,
    label,
    busy,
    onClick,
    ...rest
  } = props;
  return (
    <button
      {...rest}
      class="v-button"
      type={type}
      data-variant={variant}
      data-size={size}
      data-icon={children === undefined ? "" : undefined}
      aria-label={label ?? (rest["aria-label"] as string | undefined)}
      title={rest.title ?? (children === undefined ? label : undefined)}
      aria-busy={busy ? "true" : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy ? <span class="v-spinner" aria-hidden="true" /> : icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}
