// Chooses the view by sign-in, address and attempt. It must never decide about the exam itself.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { AttemptLoader } from "./attempt-loader.tsx";
import { RunningAttempt } from "./exam/running-attempt.tsx";
import { Frame } from "./frame.tsx";
import { api, login } from "./login.ts";
import { Loading } from "./parts/loading.tsx";
import { useLoad } from "./parts/use-load.ts";
import { attemptId, examId } from "./router.ts";
import { ExamSession } from "./session/session.ts";
import { ExamList } from "./start/exam-list.tsx";
import { NoticeView } from "./start/notice-view.tsx";
import { SignIn } from "./start/sign-in.tsx";
import { texts } from "./texts.ts";

export function App(): JSX.Element {
  const start = useLoad(() => login.resume().then(() => true), "start");
  const session = useSignal<ExamSession | null>(null);
  const state = login.state.value;
  const running = session.value;
  // Going back must not close an exam that is running.
  if (running !== null && (running.attempt.value.attempt_id === attemptId.value || !running.isOver.value)) {
    return <RunningAttempt session={running} onLeave={() => (session.value = null)} />;
  }
  if (state === "unknown") {
    return (
      <Frame>
        <Loading error={start.error} again={start.again} label={texts.loading.page} />
      </Frame>
    );
  }
  if (state === "out") {
    return (
      <Frame>
        <SignIn />
      </Frame>
    );
  }
  return (
    <Frame isSignedIn>
      {attemptId.value !== null ? (
        <AttemptLoader
          key={attemptId.value}
          id={attemptId.value}
          onRunning={(attempt) => (session.value = new ExamSession(api, attempt))}
        />
      ) : examId.value !== null ? (
        <NoticeView key={examId.value} exam={examId.value} />
      ) : (
        <ExamList />
      )}
    </Frame>
  );
}
