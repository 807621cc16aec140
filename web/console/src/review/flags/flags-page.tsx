/** The review of one exam: its flags in a list, each with its decision. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Empty } from "@veritas/shared/ui/index.ts";
import { studentName } from "../../format/names.ts";
import { type Paged, useLoad, usePages } from "../../rest/load.ts";
import type { ExamView, FlagSummary, FlagView } from "../../rest/types.ts";
import { REVIEW } from "../../texts/flags.ts";
import { NAVIGATION } from "../../texts/shell.ts";
import { Chips } from "../../ui/chips.tsx";
import { ExamNav } from "../../ui/exam-nav.tsx";
import { FlagsDownload } from "../../ui/flags-download.tsx";
import { Page } from "../../ui/page.tsx";
import { PagedList } from "../../ui/paged-list.tsx";
import { decideByRest } from "./decisions.ts";
import { FlagCard } from "./flag-card.tsx";

export function FlagsPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const status = useSignal("open");
  const severity = useSignal("");
  const list = usePages<FlagSummary>(`/teacher/exams/${examId}/flags`, {
    status: status.value,
    severity: severity.value,
    limit: 50,
  });
  const permissions = exam?.permissions ?? null;
  const may = (permission: "can_review" | "can_view_analytics"): boolean =>
    permissions === null || permissions.includes(permission);
  return (
    <Page
      title={exam?.title ?? REVIEW.title}
      parents={[["/console/exams", NAVIGATION.exams]]}
      actions={may("can_view_analytics") && <FlagsDownload examId={examId} title={exam?.title} />}
    >
      <ExamNav examId={examId} current="flags" permissions={permissions} />
      <div class="c-controls">
        <Chips label={REVIEW.status} options={REVIEW.statuses} selected={status} />
        <Chips label={REVIEW.severity} options={REVIEW.severities} selected={severity} />
      </div>
      <PagedList
        list={list}
        what={REVIEW.what}
        empty={<Empty title={status.value === "open" ? REVIEW.nothingToDo : REVIEW.noMatch} />}
      >
        <FlagList list={list} mayReview={may("can_review")} />
      </PagedList>
    </Page>
  );
}

function FlagList({ list, mayReview }: { list: Paged<FlagSummary>; mayReview: boolean }): JSX.Element {
  const decided = useSignal<ReadonlyMap<string, FlagView>>(new Map());
  const decide = decideByRest((flag) => {
    decided.value = new Map(decided.value).set(flag.flag_id, flag);
  });
  return (
    <div class="c-flag-list">
      {list.items.map((flag) => {
        const full = decided.value.get(flag.flag_id);
        return (
          <div class="v-card" key={flag.flag_id}>
            <FlagCard
              flag={full ?? flag}
              {...(full === undefined ? {} : { full })}
              decide={mayReview ? decide : null}
              student={
                <p class="c-student">
                  <a href={`/console/attempts/${flag.attempt_id}`}>
                    <bdi>{studentName(flag.student)}</bdi>
                  </a>
                </p>
              }
            />
          </div>
        );
      })}
    </div>
  );
}
