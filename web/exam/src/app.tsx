// Which view stands on the page: by the session, the address and the attempt. The views decide nothing of that.
import { SignedInAs, Shell } from "@veritas/shared/shell.tsx";
import { clock } from "@veritas/shared/time.ts";
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { isRunning, type Paper } from "./types.ts";
import { Desk, DeskBar } from "./exam/exam-view.tsx";
import { ExamList } from "./start/exam-list.tsx";
import { Loading, useLoad } from "./parts/loading.tsx";
import { NoticeView } from "./start/notice.tsx";
import { Afterwards } from "./result/result.tsx";
import { api, attemptId, examId, isSignedOut, session, toList } from "./router.ts";
import { SignIn } from "./start/sign-in.tsx";
import { deliverRest, Sitting } from "./session/session.ts";

export function App(): JSX.Element {
  const start = useLoad(() => session.resume().then(() => true), "start");
  const sitting = useSignal<Sitting | null>(null);
  const state = session.state.value;
  const isSitting = sitting.value !== null && sitting.value.paper.value.attempt_id === attemptId.value;
  if (isSitting) return <SittingView sitting={sitting.value as Sitting} onLeave={() => (sitting.value = null)} />;
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
    <Frame end={<WhoIsIn />}>
      {attemptId.value !== null ? (
        <AttemptView
          key={attemptId.value}
          attempt={attemptId.value}
          onSit={(paper) => (sitting.value = new Sitting(api, paper))}
        />
      ) : examId.value !== null ? (
        <NoticeView key={examId.value} exam={examId.value} />
      ) : (
        <ExamList />
      )}
    </Frame>
  );
}

function WhoIsIn(): JSX.Element {
  return <SignedInAs name={session.user.value?.name ?? ""} onLogout={() => void signOut()} />;
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
function AttemptView({ attempt, onSit }: { attempt: string; onSit: (paper: Paper) => void }): JSX.Element {
  const { value, error, again } = useLoad(() => loadPaper(attempt), attempt);
  useEffect(() => {
    if (value === null) return;
    if (isRunning(value.status)) onSit(value);
    else void deliverRest(api, attempt);
  }, [value]);
  if (value === null || isRunning(value.status)) {
    return <Loading error={isSignedOut(error) ? null : error} again={again} label="Opening your exam…" />;
  }
  return <Afterwards first={value} />;
}

async function loadPaper(attempt: string): Promise<Paper> {
  const sent = clock.steadyNow();
  const paper = await api.get<Paper>(`/student/exams/${encodeURIComponent(attempt)}`);
  clock.read(paper.server_at, sent);
  return paper;
}

function SittingView({ sitting, onLeave }: { sitting: Sitting; onLeave: () => void }): JSX.Element {
  const { isOver } = sitting;
  useEffect(() => {
    if (!isOver.value) return;
    sitting.finish();
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
  }, [isOver.value]);
  if (isOver.value && sitting.handingIn.value === "no") {
    const leave = () => {
      sitting.leave();
      onLeave();
      toList();
    };
    return (
      <Frame end={<WhoIsIn />}>
        <Afterwards
          first={sitting.paper.value}
          receipt={sitting.receipt.value}
          because={sitting.endedBecause.value}
          onLeave={leave}
        />
      </Frame>
    );
  }
  return (
    <Shell
      brand={{ href: `/exam?attempt=${sitting.paper.value.attempt_id}`, name: "Veritas" }}
      end={<DeskBar sitting={sitting} />}
    >
      <Desk sitting={sitting} />
    </Shell>
  );
}
