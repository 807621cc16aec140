// A running attempt from its start to its end: the exam, then the result.
import { Shell } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Frame } from "../frame.tsx";
import { ResultView } from "../result/result-view.tsx";
import { attemptPath, toList } from "../router.ts";
import type { ExamSession } from "../session/session.ts";
import { texts } from "../texts.ts";
import { ExamBar } from "./bar/exam-bar.tsx";
import { ExamView } from "./exam-view.tsx";
import { StayDialog } from "./stay-dialog.tsx";
import { useStay } from "./use-stay.ts";

export function RunningAttempt({ session, onLeave }: { session: ExamSession; onLeave: () => void }): JSX.Element {
  const { isOver } = session;
  useEffect(() => {
    if (!isOver.value) return;
    void session.finish();
    if (document.fullscreenElement) void document.exitFullscreen().catch(() => undefined);
  }, [isOver.value]);
  const href = attemptPath(session.attempt.value.attempt_id);
  const hasGoneBack = useStay(href, !isOver.value);
  const leave = () => {
    session.leave();
    onLeave();
    toList();
  };
  if (isOver.value && session.handingIn.value === "no") {
    return (
      <Frame isSignedIn>
        <ResultView
          first={session.attempt.value}
          receipt={session.receipt.value}
          because={session.endedBecause.value}
          deliver={() => session.finish()}
          onLeave={leave}
        />
      </Frame>
    );
  }
  return (
    <Shell brand={{ href, name: texts.brand }} end={<ExamBar session={session} />}>
      <ExamView session={session} />
      <StayDialog open={hasGoneBack.value} onStay={() => (hasGoneBack.value = false)} onLeave={leave} />
    </Shell>
  );
}
