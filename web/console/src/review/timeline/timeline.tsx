/** The events of one attempt in order, with the flags that cite them. */

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Empty, Spinner } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import { TIMELINE } from "../../texts/events.ts";
import { COMMON } from "../../texts/shell.ts";
import { LoadError } from "../../ui/load-error.tsx";
import { runsOf } from "./runs.ts";
import { type TimelineLoad, useTimeline } from "./timeline-load.ts";
import { TimelineRow } from "./timeline-row.tsx";

export function Timeline({ attemptId }: { attemptId: string }): JSX.Element {
  const kind = useSignal<string>("all");
  const load = useTimeline(attemptId, kind.value);
  const { events, flags, next, loading, error } = load.state.value;
  const runs = runsOf(events);
  const isEmpty = runs.length === 0;
  return (
    <div class="v-stack">
      <Controls kind={kind} load={load} />
      {error !== null && <LoadError error={error} onRetry={load.reload} />}
      {!isEmpty && (
        <ol class="c-timeline">
          {runs.map((run) => (
            <TimelineRow key={run.key} run={run} flags={flags} />
          ))}
        </ol>
      )}
      {loading && isEmpty && <Spinner label={COMMON.loading(TIMELINE.what)} />}
      {!loading && error === null && isEmpty && <Empty title={TIMELINE.empty} />}
      {next !== null && (
        <div>
          <Button busy={loading} onClick={load.more}>
            {COMMON.showMore}
          </Button>
        </div>
      )}
    </div>
  );
}

function Controls({ kind, load }: { kind: Signal<string>; load: TimelineLoad }): JSX.Element {
  const { total, loading } = load.state.value;
  return (
    <div class="v-spread">
      <label class="c-labelled">
        <span class="v-soft v-small">{TIMELINE.show}</span>
        <select class="v-input" value={kind.value} onChange={(event) => (kind.value = event.currentTarget.value)}>
          {TIMELINE.filters.map(([key, name]) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <div class="v-row-s">
        {total !== null && <span class="v-soft v-small">{TIMELINE.total(count(total, "event"))}</span>}
        <Button size="small" variant="quiet" busy={loading} onClick={load.reload}>
          {TIMELINE.refresh}
        </Button>
      </div>
    </div>
  );
}
