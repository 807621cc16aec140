// What stops the student from working, above everything else.
import { clock } from "@veritas/shared/time.ts";
import { Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { login } from "../login.ts";
import { useSecond } from "../parts/use-second.ts";
import { leftMs } from "../session/countdown.ts";
import type { ExamSession } from "../session/session.ts";
import { examTexts as texts } from "../texts.ts";
import { FullscreenNotice } from "./fullscreen-notice.tsx";
import { SignInAgain } from "./sign-in-again.tsx";

export function Alerts({ session }: { session: ExamSession }): JSX.Element {
  const status = session.status.value;
  useSecond();
  const isTimeOver = leftMs(session.deadline.value, clock.now()) === 0;
  const isSignedOut = status?.over === "signed_out" || login.state.value === "out";
  const isRefused = status?.over === "forbidden" || status?.over === "refused";
  return (
    <>
      {isTimeOver && (
        <Notice tone="warning" role="status">
          {texts.timeOver}
        </Notice>
      )}
      {isSignedOut && <SignInAgain session={session} />}
      {isRefused && (
        <Notice tone="critical" role="alert">
          {texts.refused(status.detail || String(status.over))}
        </Notice>
      )}
      {session.attempt.value.exam.monitored !== false && <FullscreenNotice />}
    </>
  );
}
