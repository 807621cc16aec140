/** A student's averages and trends over several exams. */

import type { JSX } from "preact";
import type { StudentRecord } from "../../rest/types.ts";
import { COMMON } from "../../texts/shell.ts";
import { STUDENT } from "../../texts/students.ts";
import { TRENDS } from "../../texts/words.ts";
import { LabelBadge } from "../../ui/values/badges.tsx";
import { Figure } from "../../ui/values/figure.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";

export function StudentFigures({ data: { metrics, risk } }: { data: StudentRecord }): JSX.Element {
  return (
    <section class="v-card v-stack" aria-labelledby="over-time">
      <div class="v-spread">
        <h2 id="over-time">{STUDENT.overTime}</h2>
        <p class="v-row-s">
          <span class="v-soft">{STUDENT.risk}</span> <LabelBadge label={risk.label} />
          {risk.flagged && (
            <span class="v-badge" data-tone="warning">
              {STUDENT.flagged}
            </span>
          )}
        </p>
      </div>
      {metrics === null ? <p class="v-soft v-small">{STUDENT.noFigures}</p> : <Metrics metrics={metrics} />}
    </section>
  );
}

function withTrend(name: string, trend: string | null): string {
  return trend === null ? name : STUDENT.trend(name, TRENDS[trend] ?? trend);
}

function listText(values: readonly unknown[]): string {
  return values.length === 0 ? COMMON.none : values.map(String).join(", ");
}

function Metrics({ metrics }: { metrics: NonNullable<StudentRecord["metrics"]> }): JSX.Element {
  const { avg_score: score, avg_lmi: lmi } = metrics;
  return (
    <dl class="c-numbers">
      <Figure name={STUDENT.exams}>{STUDENT.passed(metrics.total_exams, metrics.passed_exams)}</Figure>
      <Figure name={STUDENT.averageScore}>{score === null ? COMMON.none : `${Math.round(score)} %`}</Figure>
      <Figure name={withTrend(STUDENT.integrity, metrics.integrity_trend)}>
        <Integrity score={metrics.avg_integrity_score} form="table" />
      </Figure>
      <Figure name={withTrend(STUDENT.progress, metrics.lmi_trend)}>
        {lmi === null ? STUDENT.tooFewDrafts : STUDENT.of100(Math.round(lmi))}
      </Figure>
      <Figure name={STUDENT.strengths}>{listText(metrics.strengths)}</Figure>
      <Figure name={STUDENT.weaknesses}>{listText(metrics.weaknesses)}</Figure>
    </dl>
  );
}
