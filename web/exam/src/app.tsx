// Which view stands on the page: by the login, the address and the attempt. The views decide nothing of that.
import { Shell, SignedInAs } from "@veritas/shared/ui/index.ts";
import { clock } from "@veritas/shared/time.ts";
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { isRunning, type AttemptView } from "./types.ts";
import { ExamView, ExamBar } from "./exam/exam-view.tsx";
import { ExamList } from "./start/exam-list.tsx";
import { Loading, useLoad } from "./parts/loading.tsx";
import { NoticeView } from "./start/notice.tsx";
import { ResultView } from "./result/result.tsx";
import { api, attemptId, examId, isSignedOut, login, toList } from "./router.ts";
import { SignIn } from "./start/sign-in.tsx";
import { deliverStoredEvents, ExamSession } from "./session/session.ts";

export function App(): JSX.Element {
  const start = useLoad(() => login.resume().then(() => true), "start");
  const session = useSignal<ExamSession | null>(null);
  const state = login.state.value;
  const isRunningHere = session.value !== null && session.value.attempt.value.attempt_id === attemptId.value;
  if (isRunningHere)
    return <RunningAttempt session={session.value as ExamSession} onLeave={() => (session.value = null)} />;
  if (state === "unknown") {
    return (
      <Frame>
        <Loading error={start.error} again={start.again} label="One moment…" />
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
    <Frame end={<SignedInUser />}>
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

function SignedInUser(): JSX.Element {
  return <SignedInAs name={login.user.value?.name ?? ""} onLogout={() => void signOut()} />;
}

async function signOut(): Promise<void> {
  toList();
  await api.logout().catch(() => undefined);
}

function Frame({ children, end }: { children: ComponentChildren; end?: ComponentChildren }): JSX.Element {
  return (
    <Shell brand={{ href: "/exam", name: "Veritas exam" }} end={end}>
      <div class="v-page">{children}</div>
    </Shell>
  );
}

/** Load an attempt: a running one is sat, another is read. */
function AttemptLoader({ id, onRunning }: { id: string; onRunning: (attempt: AttemptView) => void }): JSX.Element {
  const { value, error, again } = useLoad(() => loadAttempt(id), id);
  useEffect(() => {
    if (value === null) return;
    if (isRunning(value.status)) onRunning(value);
    else void deliverStoredEvents(api, id);
  }, [value]);
  if (value === null || isRunning(value.status)) {
    return <Loading error={isSignedOut(error) ? null : error} again={again} label="Opening your exam…" />;
  }
  return <ResultView first={value} />;
}

async function loadAttempt(id: string): Promise<AttemptView> {
  const sent = clock.steadyNow();
  const attempt = await api.get<AttemptView>(`/student/exams/${encodeURIComponent(id)}`);
  clock.read(attempt.server_at, sent);
  return attempt;
}

function RunningAttempt({ session, onLeave }: { session: ExamSession; onLeave: () => void }): JSX.Element {
  const { isOver } = session;
  useEffect(() => {
    if (!isOver.value) return;
    session.finish();
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
  }, [isOver.value]);
  if (isOver.value && session.handingIn.value === "no") {
    const leave = () => {
      session.leave();
      onLeave();
      toList();
    };
    return (
      <Frame end={<SignedInUser />}>
        <ResultView
          first={session.attempt.value}
          receipt={session.receipt.value}
          because={session.endedBecause.value}
          onLeave={leave}
        />
      </Frame>
    );
  }
  return (
    <Shell
      brand={{ href: `/exam?attempt=${session.attempt.value.attempt_id}`, name: "Veritas" }}
      end={<ExamBar session={session} />}
    >
      <ExamView session={session} />
    </Shell>
  );
}
