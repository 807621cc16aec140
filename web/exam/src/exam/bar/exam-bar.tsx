// The end of the bar during the exam: saving, clock and messages, always visible.
import type { JSX } from "preact";
import type { ExamSession } from "../../session/session.ts";
import { Clock } from "./clock.tsx";
import { Messages } from "./messages.tsx";
import { SavingLine } from "./saving-line.tsx";

export function ExamBar({ session }: { session: ExamSession }): JSX.Element {
  return (
    <div class="x-bar">
      <SavingLine session={session} />
      <Clock session={session} />
      <Messages session={session} />
    </div>
  );
}
