// A short word on a colored ground.
import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "./icon.tsx";

export type Tone = "neutral" | "good" | "info" | "accent" | "warning" | "critical";

export function Badge({
  children,
  tone = "neutral",
  icon,
}: {
  children: ComponentChildren;
  tone?: Tone;
  icon?: IconName;
}): JSX.Element {
  return (
    <span class="v-badge" data-tone={tone}>
      {icon !== undefined && <Icon name={icon} size={14} />}
      {children}
    </span>
  );
}
