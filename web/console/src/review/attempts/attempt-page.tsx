/** One attempt after (or while) it is sat: what was concluded and why, flags, timeline, answers and their grading. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { go, search } from "@veritas/shared/route.ts";
import { formatDateTime, formatSpan } from "@veritas/shared/time.ts";
import { Badge, Button, Empty, Notice, Tabs } from "@veritas/shared/ui/index.ts";
import { decideByRest } from "../flags/decisions.ts";
import { useLoad } from "../../rest/load.ts";
import { Analysis } from "./analysis.tsx";
import { Score } from "./attempt-table.tsx";
import { FlagCard } from "../flags/flag-card.tsx";
import { Grading } from "../answers/grading.tsx";
import { Page, Shown } from "../../ui/page.tsx";
import { Timeline } from "../timeline/timeline.tsx";
import { Integrity, Status } from "../../ui/words.tsx";
import type { AttemptSummary, FlagView, Monitoring } from "../../rest/types.ts";
import { fileName, saveExport } from "../../rest/download.ts";
import { count } from "../../format/format.ts";

type Tab = "analysis" | "flags" | "timeline" | "answers";
const UNFINISHED_MS = 4_000;

export function AttemptPage({ attemptId }: { attemptId: string }): JSX.Element {
  const loading = useLoad<Monitoring>(`/teacher/attempts/${attemptId}/monitoring`, { limit: 1 });
  const changed = useSignal<ReadonlyMap<string, FlagView>>(new Map());
  const data = loading.state.value.data;
  const state = data?.behavior_analysis?.state;
  useEffect(() => {
    // An analysis on its way comes without being asked for again.
    if (state !== "pending" && state !== "stale") return;
    const timer = setTimeout(loading.reload, UNFINISHED_MS);
    return () => clearTimeout(timer);
  }, [data]);
  const wanted = new URLSearchParams(search.value).get("tab");
  const flags = (data?.flags ?? []).map((flag) => changed.value.get(flag.flag_id) ?? flag);
  const tabs = [
    { key: "analysis", title: "Analysis" },
    { key: "flags", title: `Flags (${flags.length})` },
    { key: "timeline", title: "Timeline" },
    { key: "answers", title: "Answers" },
  ] as const;
  const selected: Tab = tabs.find((one) => one.key === wanted)?.key ?? "analysis";
  const decide = decideByRest((flag) => {
    changed.value = new Map(changed.value).set(flag.flag_id, flag);
    loading.reload();
  });
  const attempt = data?.attempt ?? null;
  return (
    <Page
      title={attempt?.name ?? "Attempt"}
      {...(attempt === null
        ? {}
        : {
            above: [
              ["/console/exams", "Exams"],
              [`/console/exams/${attempt.exam_id}`, attempt.title],
            ] as const,
          })}
      about={attempt !== null && <About attempt={attempt} />}
      actions={
        attempt !== null && (
          <Button
            icon="download"
            onClick={() =>
              void saveExport(
                `/teacher/attempts/${attemptId}/events.csv`,
                fileName(`${attempt.title} ${attempt.name} events`, "csv"),
              )
            }
          >
            Events as CSV
          </Button>
        )
      }
    >
      <Shown of={loading} label="Fetching the attempt…">
        {(page) => (
          <Tabs<Tab>
            label="About this attempt"
            tabs={tabs}
            selected={selected}
            onSelect={(key) => go(`/console/attempts/${attemptId}?tab=${key}`, { replace: true })}
          >
            {selected === "analysis" && <Analysis page={page} />}
            {selected === "flags" && (
              <div class="c-flag-list">
                {flags.map((flag) => (
                  <div class="v-card" key={flag.flag_id}>
                    <FlagCard flag={flag} full={flag} decide={decide} />
                  </div>
                ))}
                {flags.length === 0 && (
                  <div class="v-card">
                    <Empty title="No flags">Nothing was concluded from what is recorded.</Empty>
                  </div>
                )}
              </div>
            )}
            {selected === "timeline" && (
              <div class="v-card">
                <Timeline attemptId={attemptId} />
              </div>
            )}
            {selected === "answers" && <Grading attemptId={attemptId} onGraded={loading.reload} />}
          </Tabs>
        )}
      </Shown>
      {attempt !== null && attempt.completed_at === null && (
        <Notice>
          Still being sat.{" "}
          <a href={`/console/exams/${attempt.exam_id}?student=${attempt.student_id}`}>Watch it live in the room.</a>
        </Notice>
      )}
    </Page>
  );
}

function About({ attempt }: { attempt: AttemptSummary }): JSX.Element {
  const took =
    attempt.started_at === null || attempt.completed_at === null ? null : attempt.completed_at - attempt.started_at;
  return (
    <div class="v-stack-s">
      <div class="v-row-s">
        <Status of={attempt.status} />
        {attempt.flagged && (
          <Badge tone="critical" icon="critical">
            Needs attention
          </Badge>
        )}
        {attempt.open_flags > 0 && <Badge tone="warning">{count(attempt.open_flags, "flag")} to decide about</Badge>}
        <span class="v-soft v-small v-number">
          {attempt.started_at !== null && `started ${formatDateTime(attempt.started_at)}`}
          {took !== null && `, took ${formatSpan(took)}`}
        </span>
        <a class="v-small" href={`/console/students/${attempt.student_id}`}>
          All exams of this student
        </a>
      </div>
      <div class="v-row-s">
        <Score of={attempt} />
        <Integrity score={attempt.integrity} coverage={attempt.coverage} />
      </div>
    </div>
  );
}
