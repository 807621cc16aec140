/** One named number inside a `c-numbers` list. */

import type { ComponentChildren, JSX } from "preact";

export function Figure({ name, children }: { name: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="v-number">{children}</dd>
    </div>
  );
}
