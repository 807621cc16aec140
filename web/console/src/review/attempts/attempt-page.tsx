/** One attempt, in progress or ended: its analysis, flags, timeline, and answers with their grades. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { go, search } from "@veritas/shared/route.ts";
import { Button, Empty, Notice, Tabs } from "@veritas/shared/ui/index.ts";
import { fileName, saveExport } from "../../rest/download.ts";
import { type Loading, useLoad } from "../../rest/load.ts";
import type { AttemptSummary, FlagView, Monitoring } from "../../rest/types.ts";
import { user } from "../../state.ts";
import { ATTEMPT } from "../../texts/attempts.ts";
import { NAVIGATION } from "../../texts/shell.ts";
import { Loaded } from "../../ui/loaded.tsx";
import { Page } from "../../ui/page.tsx";
import { Grading } from "../answers/grading.tsx";
import { decideByRest } from "../flags/decisions.ts";
import { FlagCard } from "../flags/flag-card.tsx";
import { Timeline } from "../timeline/timeline.tsx";
import { Analysis } from "../analysis/analysis.tsx";
import { Holds } from "./holds.tsx";
import { AttemptHead } from "./attempt-head.tsx";

/** While an analysis is under way, the attempt is fetched again after this time. */
const RELOAD_MS = 4_000;

export function AttemptPage({ attemptId }: { attemptId: string }): JSX.Element {
  const loading = useLoad<Monitoring>(`/teacher/attempts/${attemptId}/monitoring`, { limit: 1 });
  const data = loading.state.value.data;
  const analysisState = data?.behavior_analysis?.state;
  useEffect(() => {
    if (analysisState !== "pending" && analysisState !== "stale") return;
    const timer = setTimeout(loading.reload, RELOAD_MS);
    return () => clearTimeout(timer);
  }, [data]);
  const attempt = data?.attempt ?? null;
  return (
    <Page
      title={attempt?.name ?? ATTEMPT.title}
      {...(attempt === null ? {} : { parents: parentsOf(attempt) })}
      about={attempt !== null && <AttemptHead attempt={attempt} />}
      actions={attempt !== null && <EventsDownload attempt={attempt} />}
    >
      {attempt?.events_deleted_at != null && <Notice>{ATTEMPT.eventsDeleted}</Notice>}
      {attempt !== null && attempt.completed_at !== null && user.value?.role === "admin" && <Holds attempt={attempt} />}
      <Loaded from={loading} what={ATTEMPT.what}>
        {(page) => <AttemptTabs attemptId={attemptId} page={page} loading={loading} />}
      </Loaded>
      {attempt !== null && attempt.completed_at === null && (
        <Notice>
          {ATTEMPT.running}{" "}
          <a href={`/console/exams/${attempt.exam_id}?student=${attempt.student_id}`}>{ATTEMPT.watch}</a>
        </Notice>
      )}
    </Page>
  );
}

function parentsOf(attempt: AttemptSummary): readonly (readonly [string, string])[] {
  return [
    ["/console/exams", NAVIGATION.exams],
    [`/console/exams/${attempt.exam_id}`, attempt.title],
  ];
}

function EventsDownload({ attempt }: { attempt: AttemptSummary }): JSX.Element {
  const name = fileName(ATTEMPT.csvName(attempt.title, attempt.name), "csv");
  return (
    <Button icon="download" onClick={() => void saveExport(`/teacher/attempts/${attempt.attempt_id}/events.csv`, name)}>
      {ATTEMPT.csv}
    </Button>
  );
}

type Tab = "analysis" | "flags" | "timeline" | "answers";

interface AttemptTabsProps {
  attemptId: string;
  page: Monitoring;
  loading: Loading<Monitoring>;
}

function AttemptTabs({ attemptId, page, loading }: AttemptTabsProps): JSX.Element {
  const tabs = [
    { key: "analysis", title: ATTEMPT.analysis },
    { key: "flags", title: ATTEMPT.flags(page.flags.length) },
    { key: "timeline", title: ATTEMPT.timeline },
    { key: "answers", title: ATTEMPT.answers },
  ] as const;
  const requested = new URLSearchParams(search.value).get("tab");
  const selected: Tab = tabs.find((tab) => tab.key === requested)?.key ?? "analysis";
  return (
    <Tabs<Tab>
      label={ATTEMPT.tabs}
      tabs={tabs}
      selected={selected}
      onSelect={(key) => go(`/console/attempts/${attemptId}?tab=${key}`, { replace: true })}
    >
      {selected === "analysis" && <Analysis page={page} />}
      {selected === "flags" && <Flags flags={page.flags} onDecided={loading.reload} />}
      {selected === "timeline" && (
        <div class="v-card">
          <Timeline attemptId={attemptId} />
        </div>
      )}
      {selected === "answers" && <Grading attemptId={attemptId} onGraded={loading.reload} />}
    </Tabs>
  );
}

function Flags({ flags, onDecided }: { flags: readonly FlagView[]; onDecided: () => void }): JSX.Element {
  const decided = useSignal<ReadonlyMap<string, FlagView>>(new Map());
  const decide = decideByRest((flag) => {
    decided.value = new Map(decided.value).set(flag.flag_id, flag);
    onDecided();
  });
  const current = flags.map((flag) => decided.value.get(flag.flag_id) ?? flag);
  return (
    <div class="c-flag-list">
      {current.map((flag) => (
        <div class="v-card" key={flag.flag_id}>
          <FlagCard flag={flag} full={flag} decide={decide} />
        </div>
      ))}
      {flags.length === 0 && (
        <div class="v-card">
          <Empty title={ATTEMPT.noFlags} />
        </div>
      )}
    </div>
  );
}
