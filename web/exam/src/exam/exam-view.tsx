// The exam: one question at a time, the list of questions, and what stops the student from working.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Heading } from "../parts/heading.tsx";
import type { ExamSession } from "../session/session.ts";
import { Alerts } from "./alerts.tsx";
import { Elsewhere } from "./elsewhere.tsx";
import { HandIn } from "./hand-in/hand-in.tsx";
import { Overview } from "./questions/overview.tsx";
import { Question } from "./questions/question.tsx";
import { WaitingForStream } from "./waiting-for-stream.tsx";

export function ExamView({ session }: { session: ExamSession }): JSX.Element {
  const status = session.status.value;
  const isHandingIn = useSignal(false);
  if (status?.link === "elsewhere") return <Elsewhere session={session} isTab />;
  if (status?.over === "superseded") return <Elsewhere session={session} isTab={false} />;
  if (session.needsStream.value) return <WaitingForStream session={session} />;
  const { title } = session.attempt.value.exam;
  const handIn = () => (isHandingIn.value = true);
  return (
    <div class="x-exam-view">
      <div class="x-top">
        <Heading title={title}>{title}</Heading>
        <Alerts session={session} />
      </div>
      <Overview session={session} onHandIn={handIn} />
      <Question session={session} onHandIn={handIn} />
      <HandIn session={session} open={isHandingIn.value} onClose={() => (isHandingIn.value = false)} />
    </div>
  );
}
