/** Attempts as a table: of one exam by student, or of one student by exam. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Table } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import type { AttemptSummary } from "../../rest/types.ts";
import { ATTEMPTS } from "../../texts/attempts.ts";
import { COMMON } from "../../texts/shell.ts";
import { LabelBadge, StatusBadge } from "../../ui/values/badges.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";
import { AttentionBadge } from "./attention-badge.tsx";
import { Score } from "./score.tsx";

interface AttemptTableProps {
  caption: string;
  attempts: readonly AttemptSummary[];
  /** What the rows are named by. */
  by: "student" | "exam";
}

export function AttemptTable({ caption, attempts, by }: AttemptTableProps): JSX.Element {
  return (
    <div class="v-card v-card-flush">
      <Table
        caption={caption}
        head={
          <tr>
            <th scope="col">{ATTEMPTS[by]}</th>
            <th scope="col">{ATTEMPTS.status}</th>
            <th scope="col">{ATTEMPTS.started}</th>
            <th scope="col" data-align="end">
              {ATTEMPTS.score}
            </th>
            <th scope="col">{ATTEMPTS.integrity}</th>
            <th scope="col">{ATTEMPTS.label}</th>
            <th scope="col">{ATTEMPTS.toDo}</th>
          </tr>
        }
      >
        {attempts.map((attempt) => (
          <AttemptRow
            key={attempt.attempt_id}
            attempt={attempt}
            name={by === "student" ? attempt.name : attempt.title}
          />
        ))}
      </Table>
    </div>
  );
}

function AttemptRow({ attempt, name }: { attempt: AttemptSummary; name: string }): JSX.Element {
  return (
    <tr>
      <th scope="row">
        <a href={`/console/attempts/${attempt.attempt_id}`}>
          <bdi>{name}</bdi>
        </a>{" "}
        {attempt.flagged && <AttentionBadge />}
      </th>
      <td>
        <StatusBadge status={attempt.status} />
      </td>
      <td class="v-number v-small">{attempt.started_at === null ? COMMON.none : formatDateTime(attempt.started_at)}</td>
      <td data-align="end">
        <Score of={attempt} />
      </td>
      <td>
        <Integrity score={attempt.integrity} coverage={attempt.coverage} form="table" />
      </td>
      <td>
        <LabelBadge label={attempt.dropout_label} />
      </td>
      <td>
        <ToDo attempt={attempt} />
      </td>
    </tr>
  );
}

function ToDo({ attempt }: { attempt: AttemptSummary }): JSX.Element {
  const toGrade = attempt.completed_at !== null && !attempt.grade_final;
  if (attempt.open_flags === 0 && !toGrade) return <span class="v-soft">{COMMON.none}</span>;
  return (
    <div class="v-row-s">
      {attempt.open_flags > 0 && <Badge tone="warning">{count(attempt.open_flags, "flag")}</Badge>}
      {toGrade && <Badge tone="info">{ATTEMPTS.toGrade}</Badge>}
    </div>
  );
}
