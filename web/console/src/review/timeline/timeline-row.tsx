/** One line of a timeline: one event, or several that repeat. */

import type { JSX } from "preact";
import { formatTime } from "@veritas/shared/time.ts";
import { Severity } from "@veritas/shared/ui/index.ts";
import type { TimelineEvent } from "../../rest/types.ts";
import { TIMELINE } from "../../texts/events.ts";
import { type Run, describeRun } from "./runs.ts";
import type { CitingFlag } from "./timeline-load.ts";

/** The time on the client's clock if it is known, else the time of receipt. */
function timeOf(event: TimelineEvent): number {
  return event.at ?? event.server_at;
}

interface TimelineRowProps {
  run: Run;
  flags: ReadonlyMap<string, CitingFlag>;
}

export function TimelineRow({ run, flags }: TimelineRowProps): JSX.Element {
  const { first, last, events } = run;
  const { title, detail } = describeRun(run);
  return (
    <li class="c-event" data-kind={first.kind} data-anomaly={first.is_anomaly ? "" : undefined}>
      <time class="v-number v-soft" dateTime={new Date(timeOf(first)).toISOString()}>
        {formatTime(timeOf(first))}
      </time>
      <div class="c-event-body">
        <span class={first.is_anomaly ? "v-strong" : undefined}>{title}</span>
        {detail !== "" && <span class="v-soft"> · {detail}</span>}
        {events.length > 1 && <span class="v-soft v-small v-number"> {TIMELINE.until(formatTime(timeOf(last)))}</span>}
        {first.kind === "system" && <span class="c-by v-small">{TIMELINE.byServer}</span>}
        {first.flags.map((id) => (
          <span class="v-row-s" key={id}>
            <Severity of={flags.get(id)?.severity ?? "warning"} />
            <span class="v-small">{flags.get(id)?.name ?? TIMELINE.flag}</span>
          </span>
        ))}
      </div>
    </li>
  );
}
