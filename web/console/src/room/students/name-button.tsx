/** The student's name, which opens the drawer. It is the element that has the keyboard focus. */

import type { JSX } from "preact";
import type { StudentProps } from "./props.ts";

type NameButtonProps = Pick<StudentProps, "row" | "tabbable" | "onOpen" | "onFocus">;

export function NameButton({ row, tabbable, onOpen, onFocus }: NameButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class="c-tile-name v-truncate"
      data-student={row.studentId}
      tabIndex={tabbable ? 0 : -1}
      title={row.name}
      onFocus={() => onFocus(row.studentId)}
      onClick={() => onOpen(row.studentId)}
    >
      <bdi>{row.name}</bdi>
    </button>
  );
}
