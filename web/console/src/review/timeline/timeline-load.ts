/** Fetches the timeline of an attempt page by page, with the flags that cite its events. */

import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ruleText } from "../../format/names.ts";
import type { Monitoring, TimelineEvent } from "../../rest/types.ts";
import { api } from "../../state.ts";

const PAGE_SIZE = 100;

export interface CitingFlag {
  readonly name: string;
  readonly severity: string;
}

interface TimelineState {
  readonly events: readonly TimelineEvent[];
  readonly flags: ReadonlyMap<string, CitingFlag>;
  readonly next: string | null;
  readonly total: number | null;
  readonly loading: boolean;
  readonly error: unknown;
}

export interface TimelineLoad {
  readonly state: ReadonlySignal<TimelineState>;
  readonly reload: () => void;
  /** Fetch the next page. */
  readonly more: () => void;
}

const EMPTY: TimelineState = { events: [], flags: new Map(), next: null, total: null, loading: true, error: null };

function flagsOf(page: Monitoring): ReadonlyMap<string, CitingFlag> {
  return new Map(
    page.flags.map((flag) => [flag.flag_id, { name: ruleText(flag.rule, flag.rule_name), severity: flag.severity }]),
  );
}

/** Fetch events of one `kind`: all, those that flags cite (`anomalies`), or one event type. */
export function useTimeline(attemptId: string, kind: string): TimelineLoad {
  const state = useSignal<TimelineState>(EMPTY);
  const requests = useRef(0);
  const read = (after: string | null): void => {
    const request = ++requests.current;
    state.value = { ...state.peek(), loading: true, error: null };
    const query = {
      limit: PAGE_SIZE,
      after,
      anomalies: kind === "anomalies" ? true : undefined,
      type: kind === "all" || kind === "anomalies" ? undefined : kind,
    };
    api.get<Monitoring>(`/teacher/attempts/${attemptId}/monitoring`, query).then(
      (page) => {
        if (requests.current !== request) return;
        const before = after === null ? [] : state.peek().events;
        const events = [...before, ...page.events_timeline];
        const { next, total_events: total } = page;
        state.value = { events, flags: flagsOf(page), next, total, loading: false, error: null };
      },
      (error: unknown) => {
        if (requests.current === request) state.value = { ...state.peek(), error, loading: false };
      },
    );
  };
  useEffect(() => {
    state.value = EMPTY;
    read(null);
    return () => {
      requests.current += 1;
    };
  }, [attemptId, kind]);
  return { state, reload: () => read(null), more: () => read(state.peek().next) };
}
