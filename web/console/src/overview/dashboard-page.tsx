/** What waits for this person: running exams, flags nobody has decided about, answers to grade. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Empty, Icon, Severity, Tile } from "@veritas/shared/ui/index.ts";
import { useEffect } from "preact/hooks";
import { useLoad } from "../rest/load.ts";
import { Page, Shown } from "../ui/page.tsx";
import type { Dashboard, DashboardExam, FlagSummary } from "../rest/types.ts";
import { session } from "../state.ts";
import { count, studentName } from "../format/format.ts";

const AGAIN_MS = 15_000;

export function DashboardPage(): JSX.Element {
  const loading = useLoad<Dashboard>("/teacher/dashboard");
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") loading.reload();
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, [loading.reload]);
  return (
    <Page
      title={`Hello, ${session.user.value?.name ?? ""}`}
      actions={
        <a class="v-button" href="/console/exams/new">
          <Icon name="plus" /> New exam
        </a>
      }
    >
      <Shown of={loading} label="Fetching what waits for you…">
        {(data) => <Everything data={data} />}
      </Shown>
    </Page>
  );
}

function Everything({ data }: { data: Dashboard }): JSX.Element {
  const running = data.exams.filter((exam) => exam.running > 0);
  const waiting = data.exams.filter((exam) => exam.running === 0 && exam.awaiting_review + exam.awaiting_grade > 0);
  const others = data.exams.filter((exam) => !running.includes(exam) && !waiting.includes(exam));
  return (
    <div class="v-stack-l">
      <div class="c-tiles">
        <Tile
          label="Students at work now"
          value={data.summary.running_attempts}
          note={`${count(running.length, "exam")} running`}
        />
        <Tile label="Flags to decide about" value={data.summary.open_flags} note="warnings and critical ones" />
        <Tile label="Attempts to grade" value={data.summary.awaiting_grade} />
        <Tile label="Exams" value={data.summary.exams} />
      </div>
      {running.length > 0 && <ExamSection title="Running now" exams={running} />}
      {data.recent_flags.length > 0 && (
        <section class="v-stack-s" aria-labelledby="recent">
          <h2 id="recent">Latest flags</h2>
          <ul class="c-list v-card v-card-flush">
            {data.recent_flags.map((flag) => (
              <FlagLine key={flag.flag_id} flag={flag} />
            ))}
          </ul>
        </section>
      )}
      {waiting.length > 0 && <ExamSection title="Waiting for you" exams={waiting} />}
      {others.length > 0 && <ExamSection title="Other exams" exams={others.slice(0, 8)} />}
      {data.exams.length === 0 && (
        <div class="v-card">
          <Empty title="Nothing here yet">
            <p>Make an exam, put students on its roster, publish it: then this page shows what goes on.</p>
            <a class="v-button" data-variant="primary" href="/console/exams/new">
              New exam
            </a>
          </Empty>
        </div>
      )}
    </div>
  );
}

function ExamSection({ title, exams }: { title: string; exams: DashboardExam[] }): JSX.Element {
  return (
    <section class="v-stack-s" aria-label={title}>
      <h2>{title}</h2>
      <ul class="c-list v-card v-card-flush">
        {exams.map((exam) => (
          <li class="c-list-line" key={exam.exam_id}>
            <div class="v-grow">
              <a class="c-list-link" href={`/console/exams/${exam.exam_id}`}>
                {exam.title}
              </a>
              <div class="v-soft v-small">
                {[exam.subject, count(exam.roster_size, "student"), count(exam.attempts, "attempt")]
                  .filter(Boolean)
                  .join(" · ")}
              </div>
            </div>
            <div class="v-row-s">
              {exam.running > 0 && (
                <Badge tone="good" icon="online">
                  {exam.running} at work
                </Badge>
              )}
              {exam.awaiting_review > 0 && (
                <a class="v-badge" data-tone="warning" href={`/console/exams/${exam.exam_id}/flags`}>
                  {count(exam.awaiting_review, "flag")} to review
                </a>
              )}
              {exam.awaiting_grade > 0 && (
                <a class="v-badge" data-tone="info" href={`/console/exams/${exam.exam_id}/attempts`}>
                  {exam.awaiting_grade} to grade
                </a>
              )}
              {!exam.is_published && <Badge>Draft</Badge>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function FlagLine({ flag }: { flag: FlagSummary }): JSX.Element {
  return (
    <li class="c-list-line">
      <Severity of={flag.severity} />
      <div class="v-grow">
        <a class="c-list-link" href={`/console/attempts/${flag.attempt_id}`}>
          {studentName(flag.student)}
        </a>
        <div class="v-small">{flag.summary}</div>
      </div>
      <span class="v-soft v-small v-number">{formatDateTime(flag.raised_at)}</span>
    </li>
  );
}
