// The receipt of a submission, to print or save.
import { formatMoment } from "@veritas/shared/time.ts";
import { Button } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import type { AttemptView, Receipt } from "../types.ts";
import { receiptTexts as texts } from "./texts.ts";

export function ReceiptCard({ receipt, attempt }: { receipt: Receipt; attempt: AttemptView }): JSX.Element {
  return (
    <section class="v-card v-stack x-receipt" aria-labelledby="receipt">
      <div class="v-spread">
        <h2 id="receipt">{texts.heading}</h2>
        <span class="x-noprint">
          <Button size="small" onClick={() => print()}>
            {texts.print}
          </Button>
        </span>
      </div>
      <dl class="v-details">
        <dt>{texts.exam}</dt>
        <dd dir="auto">{attempt.exam.title}</dd>
        <dt>{texts.received}</dt>
        <dd>{formatMoment(receipt.submitted_at)}</dd>
        <dt>{texts.answers}</dt>
        <dd class="v-number">{receipt.answers}</dd>
        <dt>{texts.events}</dt>
        <dd class="v-number">{receipt.events}</dd>
        <dt>{texts.attempt}</dt>
        <dd class="v-mono x-break">{receipt.attempt_id}</dd>
        <dt>{texts.hash}</dt>
        <dd class="v-mono x-break">{receipt.hash}</dd>
      </dl>
      <p class="v-soft v-small">{texts.hashHelp}</p>
    </section>
  );
}
