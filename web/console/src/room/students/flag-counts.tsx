/** A student's undecided flags by severity, and the number of decided ones. */

import type { JSX } from "preact";
import { Severity } from "@veritas/shared/ui/index.ts";
import { STUDENT_TABLE } from "../../texts/room.ts";
import type { RoomRow } from "../rows/rows.ts";

const SEVERITIES = ["critical", "warning", "normal"] as const;

export function FlagCounts({ row }: { row: RoomRow }): JSX.Element {
  const reviewed = row.flags.filter((flag) => flag.status === "confirmed" || flag.status === "dismissed").length;
  const hasNone = row.worst === null && reviewed === 0;
  return (
    <div class="c-flags">
      {SEVERITIES.filter((severity) => row.open[severity] > 0).map((severity) => (
        <Severity key={severity} of={severity} count={row.open[severity]} />
      ))}
      {reviewed > 0 && <span class="v-soft v-small">{STUDENT_TABLE.reviewed(reviewed)}</span>}
      {hasNone && row.attempt !== null && <span class="v-soft v-small">{STUDENT_TABLE.noFlags}</span>}
    </div>
  );
}
