// One number of a dashboard, with its name.
import type { ComponentChildren, JSX } from "preact";

export function Tile({
  label,
  value,
  note,
}: {
  label: string;
  value: ComponentChildren;
  note?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="v-card v-tile">
      <span class="v-soft v-small">{label}</span>
      <span class="v-tile-value">{value}</span>
      {note !== undefined && <span class="v-soft v-small">{note}</span>}
    </div>
  );
}
