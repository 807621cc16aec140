/** The results of all students of one exam, page by page. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Badge, Button, Table, toast } from "@veritas/shared/ui/index.ts";
import { points } from "../../format/numbers.ts";
import { useAction } from "../../rest/action.ts";
import type { Analytics, AttemptSummary } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { STUDENT_RESULTS as TEXTS } from "../../texts/analytics.ts";
import { ATTEMPTS } from "../../texts/attempts.ts";
import { COMMON } from "../../texts/shell.ts";
import { LabelBadge, StatusBadge } from "../../ui/values/badges.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";
import { AttentionBadge } from "../attempts/attention-badge.tsx";

interface StudentResultsProps {
  examId: string;
  firstPage: Pick<Analytics, "students" | "next">;
}

export function StudentResults({ examId, firstPage }: StudentResultsProps): JSX.Element {
  const later = useSignal<StudentResultsProps["firstPage"]>({ students: [], next: firstPage.next });
  const action = useAction();
  const loadMore = async (): Promise<void> => {
    await action.run(async () => {
      const { students, next } = later.value;
      const page = await api.get<Analytics>(`/teacher/exams/${examId}/analytics`, { after: next });
      later.value = { students: [...students, ...page.students], next: page.next };
    });
    if (action.failed.value !== null) toast(action.failed.value, "critical");
  };
  return (
    <section class="v-stack-s" aria-labelledby="students">
      <h2 id="students">{TEXTS.title}</h2>
      <div class="v-card v-card-flush">
        <Table caption={TEXTS.caption} hideCaption head={<Head />}>
          {[...firstPage.students, ...later.value.students].map((attempt) => (
            <StudentRow key={attempt.attempt_id} attempt={attempt} />
          ))}
        </Table>
      </div>
      {later.value.next !== null && (
        <div>
          <Button busy={action.busy.value} onClick={() => void loadMore()}>
            {COMMON.showMore}
          </Button>
        </div>
      )}
    </section>
  );
}

function Head(): JSX.Element {
  return (
    <tr>
      <th scope="col">{ATTEMPTS.student}</th>
      <th scope="col">{ATTEMPTS.status}</th>
      <th scope="col" data-align="end">
        {ATTEMPTS.score}
      </th>
      <th scope="col">{ATTEMPTS.integrity}</th>
      <th scope="col" data-align="end">
        {TEXTS.progress}
      </th>
      <th scope="col">{ATTEMPTS.label}</th>
      <th scope="col">{TEXTS.openFlags}</th>
    </tr>
  );
}

function StudentRow({ attempt }: { attempt: AttemptSummary }): JSX.Element {
  const { score, percentage, lmi, open_flags: openFlags } = attempt;
  const none = <span class="v-soft">{COMMON.none}</span>;
  return (
    <tr>
      <th scope="row">
        <a href={`/console/attempts/${attempt.attempt_id}`}>
          <bdi>{attempt.name}</bdi>
        </a>{" "}
        {attempt.flagged && <AttentionBadge />}
      </th>
      <td>
        <StatusBadge status={attempt.status} />
      </td>
      <td data-align="end">
        {score === null ? none : points(score)}
        {percentage !== null && <span class="v-soft"> · {Math.round(percentage)} %</span>}
      </td>
      <td>
        <Integrity score={attempt.integrity} coverage={attempt.coverage} form="table" />
      </td>
      <td data-align="end">{lmi === null ? COMMON.none : Math.round(lmi)}</td>
      <td>
        <LabelBadge label={attempt.dropout_label} />
      </td>
      <td>{openFlags > 0 ? <Badge tone="warning">{openFlags}</Badge> : none}</td>
    </tr>
  );
}
