// Shown instead of the questions of a monitored exam until the page is connected, or an invigilator has waived that.
import { clock } from "@veritas/shared/time.ts";
import { Notice, Spinner } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Heading } from "../parts/heading.tsx";
import { useSecond } from "../parts/use-second.ts";
import type { ExamSession } from "../session/session.ts";
import { examTexts as texts } from "../texts.ts";
import { Alerts } from "./alerts.tsx";

/** After this long the student is told whom to ask. */
const ASK_AFTER_S = 10;

export function WaitingForStream({ session }: { session: ExamSession }): JSX.Element {
  const seconds = useSecond();
  useEffect(() => session.pollPaper(clock.steadyNow()), [seconds]);
  const { title } = session.attempt.value.exam;
  return (
    <div class="v-page">
      <div class="v-stack x-column">
        <Heading title={title}>{title}</Heading>
        <Alerts session={session} />
        <Spinner label={texts.connecting} />
        <p>{texts.connectingHelp}</p>
        {seconds >= ASK_AFTER_S && (
          <Notice tone="warning" role="alert">
            <p>{texts.cannotConnect}</p>
            <p class="v-small">{texts.cannotConnectHelp}</p>
          </Notice>
        )}
      </div>
    </div>
  );
}
