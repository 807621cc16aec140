/** Selects a student for a message. Students without an attempt cannot be selected. */

import type { JSX } from "preact";
import { STUDENT_TABLE } from "../../texts/room.ts";
import type { StudentProps } from "./props.ts";

type SelectBoxProps = Pick<StudentProps, "row" | "selected" | "onSelect">;

export function SelectBox({ row, selected, onSelect }: SelectBoxProps): JSX.Element | null {
  if (row.attempt === null) return null;
  return (
    <label class="c-select">
      <span class="v-hidden">{STUDENT_TABLE.select(row.name)}</span>
      <input
        type="checkbox"
        tabIndex={-1}
        checked={selected}
        onChange={(event) => onSelect(row.studentId, event.currentTarget.checked)}
      />
    </label>
  );
}
