/** Buttons to choose one of a few values, such as a filter. */

import type { JSX } from "preact";

interface ChipsProps {
  label: string;
  options: readonly (readonly [key: string, name: string])[];
  selected: { value: string };
}

export function Chips({ label, options, selected }: ChipsProps): JSX.Element {
  return (
    <div class="c-chips" role="group" aria-label={label}>
      {options.map(([key, name]) => (
        <button
          key={key}
          type="button"
          class="c-chip"
          aria-pressed={selected.value === key}
          onClick={() => {
            selected.value = key;
          }}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
