// After the exam: the receipt, to print or keep, and what was recorded and concluded, as far as it is worked out.
import { formatDateTime, formatTime } from "@veritas/shared/time.ts";
import { Badge, Button, Meter, Notice, Severity, Spinner, Table, type Tone } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { RecordView, AttemptView, Receipt, RecordedFlag } from "../types.ts";
import { Heading } from "../parts/heading.tsx";
import { api, login, toList } from "../router.ts";
import { eventWords, FLAG_STATUSES, INTEGRITY, plural, statusWords } from "../texts.ts";

const POLL_MS = 3_000;

interface Props {
  first: AttemptView;
  receipt?: Receipt | null;
  /** Why a person ended it, when the page was told. */
  because?: string | null;
  onLeave?: () => void;
}

export function ResultView({ first, receipt = null, because = null, onLeave = toList }: Props): JSX.Element {
  const attempt = useSignal(first);
  useEffect(() => {
    if (attempt.value.record) return;
    const timer = setInterval(() => {
      api.get<AttemptView>(`/student/exams/${first.attempt_id}`).then(
        (now) => {
          attempt.value = now;
          if (now.record) clearInterval(timer);
        },
        () => undefined,
      );
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [first.attempt_id]);
  const now = attempt.value;
  const given = now.receipt ?? receipt;
  const isByStudent = given !== null && now.status === "completed";
  const title = isByStudent ? "Handed in" : statusWords(now.status);
  return (
    <div class="v-stack-l x-column">
      <div class="v-stack">
        <Heading title={`${title}: ${now.exam.title}`}>{headline(now.status, isByStudent)}</Heading>
        <p class="v-soft">{now.exam.title}</p>
        {now.status === "timed_out" && (
          <Notice tone="info">
            The server handed in everything it had when your time ended. Nothing you had saved is lost.
          </Notice>
        )}
        {now.status === "ended" && (
          <Notice tone="warning">
            {because ? `A teacher ended this attempt: ${because}` : "A teacher ended this attempt."} What you had saved
            is kept.
          </Notice>
        )}
      </div>
      {given !== null && <ReceiptCard receipt={given} attempt={now} />}
      <section class="v-stack" aria-labelledby="record">
        <h2 id="record">What was recorded and concluded</h2>
        {!now.record ? (
          <Spinner label="This is still being worked out. It appears here by itself." />
        ) : (
          <Record record={now.record} />
        )}
      </section>
      {/* A sign-in by code is good for this one exam: there is no list to go back to. */}
      {login.examId.value === null && (
        <div class="x-noprint">
          <Button onClick={onLeave}>Back to your exams</Button>
        </div>
      )}
    </div>
  );
}

function headline(status: string, isByStudent: boolean): string {
  if (isByStudent) return "Your exam is handed in";
  if (status === "timed_out") return "Your time is over";
  if (status === "ended") return "This attempt was ended";
  return statusWords(status);
}

function ReceiptCard({ receipt, attempt }: { receipt: Receipt; attempt: AttemptView }): JSX.Element {
  return (
    <section class="v-card v-stack x-receipt" aria-labelledby="receipt">
      <div class="v-spread">
        <h2 id="receipt">Receipt</h2>
        <span class="x-noprint">
          <Button size="small" onClick={() => print()}>
            Print or save
          </Button>
        </span>
      </div>
      <dl class="v-facts">
        <dt>Exam</dt>
        <dd>{attempt.exam.title}</dd>
        <dt>Taken in</dt>
        <dd>{formatDateTime(receipt.submitted_at)}</dd>
        <dt>Answers</dt>
        <dd class="v-number">{receipt.answers}</dd>
        <dt>Recorded statements</dt>
        <dd class="v-number">{receipt.events}</dd>
        <dt>Attempt</dt>
        <dd class="v-mono x-break">{receipt.attempt_id}</dd>
        <dt>Fingerprint</dt>
        <dd class="v-mono x-break">{receipt.hash}</dd>
      </dl>
      <p class="v-soft v-small">
        The fingerprint is made of your answers and of what was recorded, as the server has them: it shows later that
        nothing was changed.
      </p>
    </section>
  );
}

function Record({ record }: { record: RecordView }): JSX.Element {
  const integrity = integrityOf(record);
  return (
    <div class="v-stack">
      <div class="x-three">
        <div class="v-card v-stack-s">
          <h3>Result</h3>
          <Result record={record} />
        </div>
        <div class="v-card v-stack-s">
          <h3>Integrity</h3>
          <div>
            <Badge tone={integrity.tone}>{integrity.word}</Badge>
          </div>
          <p class="v-soft v-small">A summary of the flags that stand, for people to look at. It decides nothing.</p>
        </div>
        <div class="v-card v-stack-s">
          <h3>Seen</h3>
          <Meter
            value={record.coverage}
            label="Share of the attempt that was observed"
            text={record.coverage === null ? "not known" : `${Math.round(record.coverage * 100)} % of the time`}
          />
          <p class="v-soft v-small">
            How much of the attempt the page was heard of. Time without a connection is not held against you.
          </p>
        </div>
      </div>
      {record.summary !== "" && <p class="v-prose x-lines">{record.summary}</p>}
      <Flags flags={record.flags} isReleased={record.released} />
      <Recorded rows={record.recorded} />
    </div>
  );
}

function integrityOf(record: RecordView): { word: string; tone: Tone } {
  if (record.integrity.score === null && !record.released) return { word: "Not released yet", tone: "neutral" };
  return INTEGRITY[record.integrity.status] ?? { word: record.integrity.status, tone: "neutral" };
}

function Result({ record }: { record: RecordView }): JSX.Element {
  if (record.score === null)
    return <p>{record.released ? "Not graded yet." : "Not released yet. It appears here when it is."}</p>;
  const points =
    record.max_score === null
      ? plural(record.score, "point")
      : `${record.score} of ${plural(record.max_score, "point")}`;
  return (
    <>
      <p class="x-score v-number">{points}</p>
      <p class="v-row-s">
        {record.percentage !== null && <span class="v-number">{Math.round(record.percentage)} %</span>}
        {record.passed !== null && (
          <Badge tone={record.passed ? "good" : "warning"}>{record.passed ? "Passed" : "Not passed"}</Badge>
        )}
      </p>
      {!record.grade_final && <p class="v-soft v-small">Not final yet.</p>}
    </>
  );
}

function Flags({ flags, isReleased }: { flags: RecordedFlag[]; isReleased: boolean }): JSX.Element {
  if (flags.length === 0) {
    return (
      <Notice tone={isReleased ? "good" : "info"}>
        {isReleased
          ? "No flag was raised."
          : "There is nothing to show here yet. Flags appear once a person has looked at them, or when the results are released."}
      </Notice>
    );
  }
  return (
    <section class="v-stack" aria-labelledby="flags">
      <h3 id="flags">{plural(flags.length, "flag")}</h3>
      <ul class="x-flags">
        {flags.map((flag, index) => (
          <li class="v-card v-stack-s" key={index}>
            <div class="v-spread">
              <h4>{flag.name}</h4>
              <span class="v-row-s">
                <Severity of={flag.severity} />
                <Badge>{FLAG_STATUSES[flag.status] ?? flag.status}</Badge>
              </span>
            </div>
            <p>{flag.summary}</p>
            {flag.explanation !== "" && <p class="v-soft">{flag.explanation}</p>}
            {flag.at !== null && <p class="v-soft v-small">{formatDateTime(flag.at)}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Recorded({ rows }: { rows: RecordView["recorded"] }): JSX.Element {
  if (rows.length === 0) return <p class="v-soft">Nothing was recorded.</p>;
  return (
    <div class="v-card v-card-flush">
      <Table
        caption="What was recorded"
        head={
          <tr>
            <th scope="col">What</th>
            <th scope="col" data-align="end">
              How often
            </th>
            <th scope="col">First</th>
            <th scope="col">Last</th>
          </tr>
        }
      >
        {[...rows]
          .sort((one, other) => one.first_at - other.first_at)
          .map((row) => (
            <tr key={row.event_type}>
              <th scope="row">{eventWords(row.event_type)}</th>
              <td data-align="end">{row.count}</td>
              <td class="x-when">{formatTime(row.first_at)}</td>
              <td class="x-when">{formatTime(row.last_at)}</td>
            </tr>
          ))}
      </Table>
    </div>
  );
}
