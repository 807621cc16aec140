/**
 * Decides on a flag: a button per decision, then a reason. The hub refuses a decision if the flag's status is not the one
 * that the reviewer saw.
 */

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button, Field, toast } from "@veritas/shared/ui/index.ts";
import { decisionText, ruleText } from "../../format/names.ts";
import { type Action, useAction } from "../../rest/action.ts";
import { noResultText } from "../../room/commands/results.ts";
import { DECIDE } from "../../texts/flags.ts";
import { COMMON } from "../../texts/shell.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import { type Decide, type Decision, decidedText, decisionVerb, possibleDecisions } from "./decisions.ts";
import type { AnyFlag } from "./flag-card.tsx";

const REASON_LIMIT = 2_000;

interface DecisionFormProps {
  flag: AnyFlag;
  decide: Decide;
}

export function DecisionForm({ flag, decide }: DecisionFormProps): JSX.Element | null {
  const chosen = useSignal<Decision | null>(null);
  const reason = useSignal("");
  const buttons = useRef<HTMLDivElement>(null);
  const seenStatus = useRef(flag.status);
  const action = useAction(noResultText);
  useEffect(() => {
    if (chosen.peek() === null || action.busy.peek() || seenStatus.current === flag.status) return;
    chosen.value = null;
    const decision = decisionText(flag.status).toLowerCase();
    action.failed.value = DECIDE.changed(flag.reviewed_by ?? DECIDE.anotherUser, decision);
  }, [flag.status]);
  if (possibleDecisions(flag.status).length === 0) return null;
  const choose = (decision: Decision): void => {
    seenStatus.current = flag.status;
    action.failed.value = null;
    chosen.value = decision;
  };
  const cancel = (): void => {
    chosen.value = null;
    queueMicrotask(() => buttons.current?.querySelector("button")?.focus());
  };
  const submit = (decision: Decision): Promise<void> =>
    action.run(async () => {
      const seen = { flag_id: flag.flag_id, status: seenStatus.current };
      action.failed.value = await decide(seen, decision, reason.value.trim());
      if (action.failed.value !== null) return;
      toast(decidedText(decision, ruleText(flag.rule, flag.rule_name)), "good");
      reason.value = "";
      chosen.value = null;
    });
  return (
    <div class="v-stack-s">
      <ErrorNotice text={action.failed.value} tone="warning" />
      {chosen.value === null ? (
        <div class="v-row-s" ref={buttons} role="group" aria-label={DECIDE.name}>
          <Choices flag={flag} onChoose={choose} />
        </div>
      ) : (
        <ReasonForm
          verb={decisionVerb(chosen.value, flag.status)}
          reason={reason}
          action={action}
          onCancel={cancel}
          onSubmit={() => void (chosen.value !== null && submit(chosen.value))}
        />
      )}
    </div>
  );
}

function Choices({ flag, onChoose }: { flag: AnyFlag; onChoose: (decision: Decision) => void }): JSX.Element {
  return (
    <>
      {possibleDecisions(flag.status).map((decision) => (
        <Button
          key={decision}
          size="small"
          variant={decision === "confirmed" && flag.status === "open" ? "danger" : "secondary"}
          onClick={() => onChoose(decision)}
        >
          {decisionVerb(decision, flag.status)}
        </Button>
      ))}
    </>
  );
}

interface ReasonFormProps {
  verb: string;
  reason: Signal<string>;
  action: Action;
  onCancel: () => void;
  onSubmit: () => void;
}

function ReasonForm({ verb, reason, action, onCancel, onSubmit }: ReasonFormProps): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const isEmpty = reason.value.trim() === "";
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!isEmpty) onSubmit();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    onCancel();
  };
  return (
    <form class="c-decide v-stack-s" onSubmit={submit} onKeyDown={onKeyDown}>
      <Field label={DECIDE.why(verb)} help={DECIDE.whyHelp}>
        {(control) => (
          <textarea
            {...control}
            ref={field}
            rows={2}
            maxLength={REASON_LIMIT}
            required
            value={reason.value}
            onInput={(event) => (reason.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
            }}
          />
        )}
      </Field>
      <div class="v-row-s">
        <Button size="small" variant="primary" type="submit" busy={action.busy.value} disabled={isEmpty}>
          {verb}
        </Button>
        <Button size="small" variant="quiet" onClick={onCancel}>
          {COMMON.cancel}
        </Button>
      </div>
    </form>
  );
}
