/** One exam in numbers: what they mean in words, how they spread, and how often each rule was right. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Button, Empty, Meter, Table, Tile, toast } from "@veritas/shared/ui/index.ts";
import { useLoad } from "../../rest/load.ts";
import { ExamNav } from "../../ui/exam-nav.tsx";
import { Page, Shown } from "../../ui/page.tsx";
import { Histogram } from "./histogram.tsx";
import { Integrity, Label, Status } from "../../ui/words.tsx";
import type { Analytics, AttemptSummary, ExamView } from "../../rest/types.ts";
import { fileName, saveExport } from "../../rest/download.ts";
import { api } from "../../state.ts";
import {
  count,
  integrityText,
  labelMeaning,
  labelText,
  percent,
  points,
  ruleText,
  titled,
} from "../../format/format.ts";

export function AnalyticsPage({ examId }: { examId: string }): JSX.Element {
  const exam = useLoad<ExamView>(`/exams/${examId}`).state.value.data;
  const loading = useLoad<Analytics>(`/teacher/exams/${examId}/analytics`);
  return (
    <Page
      title={exam?.title ?? loading.state.value.data?.exam.title ?? "Analytics"}
      above={[["/console/exams", "Exams"]]}
      actions={
        <Button
          icon="download"
          onClick={() =>
            void saveExport(`/teacher/exams/${examId}/flags.csv`, fileName(`${exam?.title ?? "exam"} flags`, "csv"))
          }
        >
          Flags as CSV
        </Button>
      }
    >
      <ExamNav examId={examId} at="analytics" may={exam?.permissions ?? null} />
      <Shown of={loading} label="Fetching the numbers…">
        {(data) => (data.analytics.total_attempts === 0 ? <Nothing /> : <Numbers examId={examId} data={data} />)}
      </Shown>
    </Page>
  );
}

function Nothing(): JSX.Element {
  return (
    <div class="v-card">
      <Empty title="No attempts yet">
        <p>Numbers come with the first attempt that ends.</p>
      </Empty>
    </div>
  );
}

function Numbers({ examId, data }: { examId: string; data: Analytics }): JSX.Element {
  const { analytics: all, exam } = data;
  return (
    <div class="v-stack-l">
      <section class="v-stack-s" aria-labelledby="numbers">
        <div class="v-spread">
          <h2 id="numbers">In numbers</h2>
          <span class="v-small v-soft">as of {formatDateTime(all.as_of)}</span>
        </div>
        <div class="c-tiles">
          <Tile
            label="Attempts"
            value={all.total_attempts.toLocaleString("en")}
            note={`${count(all.flagged, "attempt")} ${all.flagged === 1 ? "needs" : "need"} attention`}
          />
          <Tile
            label="Average score"
            value={all.average_score === null ? "–" : percent(all.average_score / 100)}
            note={all.average_score === null ? "nothing graded yet" : `of ${points(exam.max_score)} points`}
          />
          <Tile
            label="Passed"
            value={all.pass_rate === null ? "–" : percent(all.pass_rate / 100)}
            note={all.pass_rate === null ? "nothing graded yet" : `${points(exam.passing_score)} points are needed`}
          />
          <Tile
            label="Average integrity"
            value={all.average_integrity === null ? "–" : percent(all.average_integrity)}
            note={all.average_integrity === null ? "not enough seen" : integrityText(all.average_integrity)}
          />
          <Tile
            label="Average momentum (LMI)"
            value={all.average_lmi === null ? "–" : Math.round(all.average_lmi)}
            note={all.average_lmi === null ? "too few drafts" : "of 100"}
          />
          <Tile label="High risk" value={all.high_risk_count} note="labels “may have copied” or “may need support”" />
        </div>
      </section>
      <section class="v-stack-s" aria-labelledby="spread">
        <h2 id="spread">How they spread</h2>
        <div class="c-plots">
          <Histogram
            title="Scores"
            about="Percent of the points, of graded attempts."
            buckets={data.score_distribution}
            edge={(value) => `${Math.round(value)} %`}
          />
          <Histogram
            title="Integrity"
            about="Of attempts that were observed for at least half of their time."
            buckets={data.integrity_distribution}
            edge={percent}
          />
          <Risks of={data.risk_distribution} />
        </div>
      </section>
      <Rules rules={data.rules} />
      {data.items.length > 0 && <Items items={data.items} />}
      <Students examId={examId} first={data.students} next={data.next} />
    </div>
  );
}

function Risks({ of }: { of: Analytics["risk_distribution"] }): JSX.Element {
  const total = Object.values(of).reduce((sum, one) => sum + one, 0);
  const rows = [
    ["safe", of.safe, "good"],
    ["no_interest", of.no_interest, "warning"],
    ["incapable", of.incapable, "warning"],
    ["copy", of.copy, "critical"],
    ["unknown", of.unknown, "neutral"],
  ] as const;
  return (
    <section class="v-card v-stack-s" aria-labelledby="risk">
      <h3 id="risk">Labels</h3>
      <p class="v-small v-soft">For teachers, after the exam; never shown to students.</p>
      <dl class="c-risks">
        {rows.map(([label, number, tone]) => (
          <div key={label} title={labelMeaning(label === "unknown" ? null : label)}>
            <dt>{label === "unknown" ? "No label" : labelText(label)}</dt>
            <dd>
              <Meter
                value={total === 0 ? 0 : number / total}
                label={label === "unknown" ? "No label" : labelText(label)}
                tone={tone}
                text={String(number)}
              />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Rules({ rules }: { rules: Analytics["rules"] }): JSX.Element {
  return (
    <section class="v-stack-s" aria-labelledby="rules">
      <h2 id="rules">How often each rule was right</h2>
      <p class="v-small v-soft v-prose">
        Of the flags people decided about, the share they confirmed, with the range in which the true share lies with 95
        % confidence: wide while few are decided.
      </p>
      <div class="v-card v-card-flush">
        <Table
          caption="Rules and decisions"
          hideCaption
          head={
            <tr>
              <th scope="col">Rule</th>
              <th scope="col" data-align="end">
                Raised
              </th>
              <th scope="col" data-align="end">
                Confirmed
              </th>
              <th scope="col" data-align="end">
                Dismissed
              </th>
              <th scope="col" data-align="end">
                Open
              </th>
              <th scope="col">Right</th>
            </tr>
          }
        >
          {rules.map((rule) => (
            <tr key={rule.rule}>
              <th scope="row">{titled(rule.name || ruleText(rule.rule))}</th>
              <td data-align="end">{rule.raised}</td>
              <td data-align="end">{rule.confirmed}</td>
              <td data-align="end">{rule.dismissed}</td>
              <td data-align="end">{rule.open}</td>
              <td>
                {rule.precision === null ? (
                  <span class="v-soft">nothing decided yet</span>
                ) : (
                  <span class="c-interval">
                    <span class="c-interval-track" aria-hidden="true">
                      <span
                        class="c-interval-range"
                        style={{ left: `${rule.low * 100}%`, width: `${(rule.high - rule.low) * 100}%` }}
                      />
                      <span class="c-interval-point" style={{ left: `${rule.precision * 100}%` }} />
                    </span>
                    <span class="v-number v-small">
                      {percent(rule.precision)}{" "}
                      <span class="v-soft">
                        ({percent(rule.low)} to {percent(rule.high)})
                      </span>
                    </span>
                  </span>
                )}
              </td>
            </tr>
          ))}
          {rules.length === 0 && (
            <tr>
              <td colSpan={6} class="v-soft">
                No rule has raised anything.
              </td>
            </tr>
          )}
        </Table>
      </div>
    </section>
  );
}

function Items({ items }: { items: Analytics["items"] }): JSX.Element {
  return (
    <section class="v-stack-s" aria-labelledby="items">
      <h2 id="items">Questions</h2>
      <div class="v-card v-card-flush">
        <Table
          caption="Questions and points"
          hideCaption
          head={
            <tr>
              <th scope="col">Question</th>
              <th scope="col" data-align="end">
                Answered
              </th>
              <th scope="col">Average points</th>
            </tr>
          }
        >
          {items.map((item) => (
            <tr key={item.item}>
              <th scope="row">
                <span class="v-mono v-soft">{item.item}</span> {item.prompt}
              </th>
              <td data-align="end">{item.answered}</td>
              <td>
                <Meter
                  value={item.average_points === null || item.points === 0 ? null : item.average_points / item.points}
                  label={`Average points of ${item.item}`}
                  text={
                    item.average_points === null
                      ? "not graded"
                      : `${points(item.average_points)} of ${points(item.points)}`
                  }
                />
              </td>
            </tr>
          ))}
        </Table>
      </div>
    </section>
  );
}

function Students({
  examId,
  first,
  next,
}: {
  examId: string;
  first: AttemptSummary[];
  next: string | null;
}): JSX.Element {
  const more = useSignal<{ students: readonly AttemptSummary[]; next: string | null }>({ students: [], next });
  const busy = useSignal(false);
  const students = [...first, ...more.value.students];
  const fetchMore = async (): Promise<void> => {
    busy.value = true;
    try {
      const page = await api.get<Analytics>(`/teacher/exams/${examId}/analytics`, { after: more.value.next });
      more.value = { students: [...more.value.students, ...page.students], next: page.next };
    } catch (error) {
      toast(errorText(error), "critical");
    } finally {
      busy.value = false;
    }
  };
  return (
    <section class="v-stack-s" aria-labelledby="students">
      <h2 id="students">Students</h2>
      <div class="v-card v-card-flush">
        <Table
          caption="Students of this exam"
          hideCaption
          head={
            <tr>
              <th scope="col">Student</th>
              <th scope="col">Status</th>
              <th scope="col" data-align="end">
                Score
              </th>
              <th scope="col">Integrity</th>
              <th scope="col" data-align="end">
                LMI
              </th>
              <th scope="col">Label</th>
              <th scope="col">Open flags</th>
            </tr>
          }
        >
          {students.map((one) => (
            <tr key={one.attempt_id}>
              <th scope="row">
                <a href={`/console/attempts/${one.attempt_id}`}>{one.name}</a>{" "}
                {one.flagged && (
                  <Badge tone="critical" icon="critical">
                    attention
                  </Badge>
                )}
              </th>
              <td>
                <Status of={one.status} />
              </td>
              <td data-align="end">
                {one.score === null ? <span class="v-soft">–</span> : points(one.score)}
                {one.percentage !== null && <span class="v-soft"> · {Math.round(one.percentage)} %</span>}
              </td>
              <td>
                <Integrity score={one.integrity} coverage={one.coverage} bare />
              </td>
              <td data-align="end">{one.lmi === null ? "–" : Math.round(one.lmi)}</td>
              <td>
                <Label of={one.dropout_label} />
              </td>
              <td>
                {one.open_flags > 0 ? <Badge tone="warning">{one.open_flags}</Badge> : <span class="v-soft">–</span>}
              </td>
            </tr>
          ))}
        </Table>
      </div>
      {more.value.next !== null && (
        <div>
          <Button busy={busy.value} onClick={() => void fetchMore()}>
            Show more
          </Button>
        </div>
      )}
    </section>
  );
}
