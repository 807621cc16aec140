// A sign that something loads, with words for it.
import type { JSX } from "preact";

export function Spinner({ label }: { label: string }): JSX.Element {
  return (
    <div class="v-row-s v-soft" role="status">
      <span class="v-spinner" aria-hidden="true" /> {label}
    </div>
  );
}
