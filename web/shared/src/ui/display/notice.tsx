// A message in a box on the page.
import type { ComponentChildren, JSX } from "preact";
import type { Tone } from "./badge.tsx";
import { Icon, type IconName } from "./icon.tsx";

export function Notice({
  children,
  tone = "info",
  role,
}: {
  children: ComponentChildren;
  tone?: Tone;
  role?: "alert" | "status";
}): JSX.Element {
  const icon: IconName = tone === "critical" || tone === "warning" ? tone : tone === "good" ? "check" : "info";
  return (
    <div class="v-notice" data-tone={tone} {...(role === undefined ? {} : { role })}>
      <Icon name={icon} />
      <div class="v-grow">{children}</div>
    </div>
  );
}
