/** The review of one exam: its flags one under the other, to be decided about in place. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Button, Empty } from "@veritas/shared/ui/index.ts";
import { decideByRest } from "./decisions.ts";
import { useLoad, usePages } from "../../rest/load.ts";
import { ExamNav } from "../../ui/exam-nav.tsx";
import { FlagCard } from "./flag-card.tsx";
import { Listed } from "../../ui/paged-list.tsx";
import { Page } from "../../ui/page.tsx";
import type { ExamView, FlagSummary, FlagView } from "../../rest/types.ts";
import { fileName, saveExport } from "../../rest/download.ts";
import { studentName } from "../../format/format.ts";

const STATUSES = [
  ["open", "Open"],
  ["escalated", "Escalated"],
  ["confirmed", "Confirmed"],
  ["dismissed", "Dismissed"],
  ["", "All"],
] as const;

const SEVERITIES = [
  ["", "All"],
  ["critical", "Critical"],
  ["warning", "Warnings"],
  ["normal", "Notes"],
] as const;

export function FlagsPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const status = useSignal("open");
  const severity = useSignal("");
  const list = usePages<FlagSummary>(`/teacher/exams/${examId}/flags`, {
    status: status.value,
    severity: severity.value,
    limit: 50,
  });
  const decided = useSignal<ReadonlyMap<string, FlagView>>(new Map());
  const may = exam?.permissions ?? null;
  const decide =
    may !== null && !may.includes("can_review")
      ? null
      : decideByRest((flag) => {
          decided.value = new Map(decided.value).set(flag.flag_id, flag);
        });
  return (
    <Page
      title={exam?.title ?? "Review"}
      above={[["/console/exams", "Exams"]]}
      actions={
        (may === null || may.includes("can_view_analytics")) && (
          <Button
            icon="download"
            onClick={() =>
              void saveExport(`/teacher/exams/${examId}/flags.csv`, fileName(`${exam?.title ?? "exam"} flags`, "csv"))
            }
          >
            Flags as CSV
          </Button>
        )
      }
    >
      <ExamNav examId={examId} at="flags" may={may} />
      <div class="c-controls">
        <Choice label="Status" options={STATUSES} value={status} />
        <Choice label="Severity" options={SEVERITIES} value={severity} />
      </div>
      <Listed
        list={list}
        what="flags"
        empty={<Empty title={status.value === "open" ? "Nothing waits for a decision" : "No such flags"} />}
      >
        <div class="c-flag-list">
          {list.items.map((flag) => {
            const now = decided.value.get(flag.flag_id);
            return (
              <div class="v-card" key={flag.flag_id}>
                <FlagCard
                  flag={now ?? flag}
                  {...(now === undefined ? {} : { full: now })}
                  decide={decide}
                  heading={
                    <p class="c-whose">
                      <a href={`/console/attempts/${flag.attempt_id}`}>{studentName(flag.student)}</a>
                    </p>
                  }
                />
              </div>
            );
          })}
        </div>
      </Listed>
    </Page>
  );
}

interface ChoiceProps {
  label: string;
  options: readonly (readonly [key: string, name: string])[];
  value: { value: string };
}

function Choice({ label, options, value }: ChoiceProps): JSX.Element {
  return (
    <div class="c-chips" role="group" aria-label={label}>
      {options.map(([key, name]) => (
        <button
          key={key}
          type="button"
          class="c-chip"
          aria-pressed={value.value === key}
          onClick={() => (value.value = key)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
