/** One attempt's facts in order, page by page, with the flags that rest on them. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatTime } from "@veritas/shared/time.ts";
import { Button, Empty, Severity, Spinner } from "@veritas/shared/ui/index.ts";
import type { Monitoring, TimelineEvent } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { count, ruleText, sentence, titled } from "../../format/format.ts";
import { type Run, describeRun, runsOf } from "./runs.ts";
import { Failed } from "../../ui/page.tsx";

const PAGE = 100;
type Kind = "all" | "anomalies" | string;

const KINDS: readonly (readonly [Kind, string])[] = [
  ["all", "Everything"],
  ["anomalies", "What flags rest on"],
  ["tab_hidden", "Tab not visible"],
  ["window_blur", "Focus lost"],
  ["fullscreen_exit", "Left fullscreen"],
  ["paste", "Pasted"],
  ["copy", "Copied"],
  ["answered", "Answers"],
  ["typing", "Typing"],
  ["connection_lost", "Connection lost"],
];

interface TimelineProps {
  attemptId: string;
  /** What the first page said beside its events. */
  onFirst?: (page: Monitoring) => void;
}

export function Timeline({ attemptId, onFirst }: TimelineProps): JSX.Element {
  const kind = useSignal<Kind>("all");
  const events = useSignal<readonly TimelineEvent[]>([]);
  const rules = useSignal<ReadonlyMap<string, { rule: string; severity: string }>>(new Map());
  const next = useSignal<string | null>(null);
  const total = useSignal<number | null>(null);
  const loading = useSignal(true);
  const error = useSignal<unknown>(null);
  const turn = useRef(0);

  const read = (after: string | null): void => {
    const mine = ++turn.current;
    loading.value = true;
    error.value = null;
    const query = {
      limit: PAGE,
      after,
      anomalies: kind.value === "anomalies" ? true : undefined,
      type: kind.value === "all" || kind.value === "anomalies" ? undefined : kind.value,
    };
    api.get<Monitoring>(`/teacher/attempts/${attemptId}/monitoring`, query).then(
      (page) => {
        if (mine !== turn.current) return;
        events.value = after === null ? page.events_timeline : [...events.peek(), ...page.events_timeline];
        next.value = page.next;
        total.value = page.total_events;
        rules.value = new Map(
          page.flags.map((flag) => [
            flag.flag_id,
            { rule: titled(flag.rule_name || ruleText(flag.rule)), severity: flag.severity },
          ]),
        );
        loading.value = false;
        if (after === null) onFirst?.(page);
      },
      (failure: unknown) => {
        if (mine !== turn.current) return;
        error.value = failure;
        loading.value = false;
      },
    );
  };
  useEffect(() => {
    events.value = [];
    read(null);
    return () => {
      turn.current += 1;
    };
  }, [attemptId, kind.value]);

  const runs = runsOf(events.value);
  return (
    <div class="v-stack">
      <div class="v-spread">
        <label class="c-order">
          <span class="v-soft v-small">Show</span>
          <select class="v-input" value={kind.value} onChange={(event) => (kind.value = event.currentTarget.value)}>
            {KINDS.map(([key, name]) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <div class="v-row-s">
          {total.value !== null && <span class="v-soft v-small">{count(total.value, "event")} in all</span>}
          <Button size="small" variant="quiet" busy={loading.value} onClick={() => read(null)}>
            Refresh
          </Button>
        </div>
      </div>
      {error.value !== null && <Failed error={error.value} onRetry={() => read(null)} />}
      {runs.length > 0 && (
        <ol class="c-timeline">
          {runs.map((run) => (
            <RunLine key={run.key} run={run} rules={rules.value} />
          ))}
        </ol>
      )}
      {loading.value && runs.length === 0 && <Spinner label="Fetching the timeline…" />}
      {!loading.value && error.value === null && runs.length === 0 && <Empty title="No such events" />}
      {next.value !== null && (
        <div>
          <Button busy={loading.value} onClick={() => read(next.value)}>
            Show more
          </Button>
        </div>
      )}
    </div>
  );
}

/** A client's own clock where it said one, else when it came. */
function timeOf(event: TimelineEvent): number {
  return event.at ?? event.server_at;
}

function RunLine({
  run,
  rules,
}: {
  run: Run;
  rules: ReadonlyMap<string, { rule: string; severity: string }>;
}): JSX.Element {
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
        {events.length > 1 && <span class="v-soft v-small v-number"> until {formatTime(timeOf(last))}</span>}
        {first.kind === "system" && <span class="c-by v-small">by the server</span>}
        {first.flags.map((id) => {
          const flag = rules.get(id);
          return (
            <span class="v-row-s" key={id}>
              <Severity of={flag?.severity ?? "warning"} />
              <span class="v-small">{flag?.rule ?? sentence("flag")}</span>
            </span>
          );
        })}
      </div>
    </li>
  );
}
