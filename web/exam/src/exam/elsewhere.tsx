// Shown while the exam is open in another tab, window or device, with the offer to continue here.
import { Button } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Heading } from "../parts/heading.tsx";
import type { ExamSession } from "../session/session.ts";
import { examTexts as texts } from "../texts.ts";

export function Elsewhere({ session, isTab }: { session: ExamSession; isTab: boolean }): JSX.Element {
  const isBusy = useSignal(false);
  const continueHere = () => {
    isBusy.value = true;
    void session.continueHere().catch(() => undefined);
  };
  return (
    <div class="v-page">
      <div class="v-stack x-column">
        <Heading title={texts.elsewhereTitle}>{texts.elsewhere(isTab)}</Heading>
        <p>{texts.elsewhereHelp}</p>
        <div>
          <Button variant="primary" busy={isBusy.value} onClick={continueHere}>
            {texts.continueHere}
          </Button>
        </div>
      </div>
    </div>
  );
}
