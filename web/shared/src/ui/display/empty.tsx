// What a list shows when it has no entries.
import type { ComponentChildren, JSX } from "preact";

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="v-empty">
      <p class="v-strong">{title}</p>
      {children}
    </div>
  );
}
