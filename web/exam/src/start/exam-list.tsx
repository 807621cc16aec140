// The exams one may sit, each with where it stands. A sign-in by code has one, and goes straight to it.
import { formatDateTime, formatSpan } from "@veritas/shared/time.ts";
import { Badge, Button, Empty, type Tone } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Enrolment } from "../types.ts";
import { Heading } from "../parts/heading.tsx";
import { Loading, useLoad } from "../parts/loading.tsx";
import { api, login, toAttempt, toNotice } from "../router.ts";

const STATES: { readonly [state in Enrolment["state"]]: { word: string; tone: Tone } } = {
  running: { word: "Running", tone: "accent" },
  open: { word: "Open", tone: "good" },
  upcoming: { word: "Not open yet", tone: "info" },
  closed: { word: "Closed", tone: "neutral" },
  done: { word: "Handed in", tone: "neutral" },
};

const ORDER: readonly Enrolment["state"][] = ["running", "open", "upcoming", "done", "closed"];

export function ExamList(): JSX.Element {
  const { value, error, again } = useLoad(loadEnrolments, "exams");
  useEffect(() => {
    const only = value?.length === 1 ? value[0] : undefined;
    if (only === undefined || login.examId.value !== only.exam_id) return;
    if (only.state === "done" && only.attempt) toAttempt(only.attempt.attempt_id, { replace: true });
    else if (only.state === "open" || only.state === "running") toNotice(only.exam_id);
  }, [value]);
  return (
    <div class="v-stack x-column">
      <Heading title="Your exams">Your exams</Heading>
      {value === null ? (
        <Loading error={error} again={again} label="Looking for your exams…" />
      ) : value.length === 0 ? (
        <Empty title="You are on no exam's list.">
          <p>If you expected one, ask your teacher. This page does not refresh by itself.</p>
          <Button onClick={again}>Look again</Button>
        </Empty>
      ) : (
        <ul class="x-exams">
          {value.map((one) => (
            <ExamCard key={one.exam_id} exam={one} />
          ))}
        </ul>
      )}
    </div>
  );
}

export async function loadEnrolments(): Promise<Enrolment[]> {
  const all = await api.get<Enrolment[] | { items: Enrolment[] }>("/student/exams");
  const list = Array.isArray(all) ? all : all.items;
  return [...list].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
}

function ExamCard({ exam }: { exam: Enrolment }): JSX.Element {
  const state = STATES[exam.state];
  return (
    <li class="v-card x-exam">
      <div class="v-spread">
        <h2>{exam.title}</h2>
        <Badge tone={state.tone}>{state.word}</Badge>
      </div>
      <p class="v-soft">
        {[exam.subject, exam.topic, formatSpan(exam.duration_minutes * 60_000)]
          .filter((part) => part !== "")
          .join(" · ")}
      </p>
      <Dates exam={exam} />
      <Way exam={exam} />
    </li>
  );
}

function Dates({ exam }: { exam: Enrolment }): JSX.Element | null {
  if (exam.state === "upcoming" && exam.opens_at !== null) return <p>Opens {formatDateTime(exam.opens_at)}.</p>;
  if (exam.state === "open" && exam.closes_at !== null)
    return <p>Can be started until {formatDateTime(exam.closes_at)}.</p>;
  if (exam.state === "running" && exam.attempt?.deadline) return <p>Ends {formatDateTime(exam.attempt.deadline)}.</p>;
  return null;
}

function Way({ exam }: { exam: Enrolment }): JSX.Element | null {
  const attempt = exam.attempt?.attempt_id;
  const name = `: ${exam.title}`;
  if (exam.state === "open" || exam.state === "running") {
    return (
      <div>
        <Button variant="primary" onClick={() => toNotice(exam.exam_id)}>
          {exam.state === "running" ? "Go on" : "Read the notice and begin"}
          <span class="v-hidden">{name}</span>
        </Button>
      </div>
    );
  }
  if (exam.state === "done" && attempt !== undefined) {
    return (
      <div>
        <Button onClick={() => toAttempt(attempt)}>
          See receipt and record<span class="v-hidden">{name}</span>
        </Button>
      </div>
    );
  }
  return null;
}
