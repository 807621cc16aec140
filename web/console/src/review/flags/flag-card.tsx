/** One flag: what it says, what it rests on, how it may be wrong, and a person's decision about it, in place. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { formatDateTime, formatTime } from "@veritas/shared/time.ts";
import { Button, Field, Notice, Severity, toast } from "@veritas/shared/ui/index.ts";
import { type Decide, type Decision as Choice, decidedText, decisions, verb } from "./decisions.ts";
import type { FlagRow } from "../../board/frames.ts";
import { useLoad } from "../../rest/load.ts";
import type { FlagView } from "../../rest/types.ts";
import {
  decisionText,
  eventDetail,
  eventText,
  numberName,
  numberValue,
  percent,
  ruleText,
  titled,
} from "../../format/format.ts";
import { unanswered } from "../../room/commands/commands.tsx";
import { Shown } from "../../ui/page.tsx";
import { Decision } from "../../ui/words.tsx";

/** What the board and REST both say of a flag. */
export type AnyFlag = Pick<
  FlagRow,
  "flag_id" | "source" | "rule" | "severity" | "confidence" | "summary" | "status" | "raised_at"
> & { rule_name?: string; reviewed_by?: string | null; reason?: string | null };

interface FlagCardProps {
  flag: AnyFlag;
  /** The whole flag, when it is at hand; else it is fetched when it is opened. */
  full?: FlagView;
  /** Null where this person may not decide. */
  decide: Decide | null;
  /** Over the flag, where several students' flags stand together. */
  heading?: JSX.Element;
  open?: boolean;
  /** Of its heading. */
  level?: 2 | 3;
}

const SOURCES: Readonly<Record<string, string>> = {
  llm: "Suggested by the model: advisory, it counts only when a person confirms it.",
  service: "Reported by a connected service: advisory, it counts only when a person confirms it.",
  teacher: "Raised by a person.",
};

export function FlagCard({ flag, full, decide, heading, open = false, level = 2 }: FlagCardProps): JSX.Element {
  const opened = useSignal(open);
  const id = useId();
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <article class="c-flag" data-severity={flag.severity} data-status={flag.status} aria-labelledby={`${id}-name`}>
      {heading}
      <div class="v-spread">
        <div class="v-row-s">
          <Severity of={flag.severity} />
          <Heading id={`${id}-name`} class="c-h3">
            {titled(flag.rule_name ?? ruleText(flag.rule))}
          </Heading>
        </div>
        <span class="v-soft v-small v-number">{formatTime(flag.raised_at)}</span>
      </div>
      <p>{flag.summary}</p>
      {SOURCES[flag.source] !== undefined && <p class="v-small v-soft">{SOURCES[flag.source]}</p>}
      <div class="v-row-s">
        <Decision of={flag.status} />
        {flag.reviewed_by && (
          <span class="v-small v-soft">
            by {flag.reviewed_by}
            {flag.reason ? `: “${flag.reason}”` : ""}
          </span>
        )}
      </div>
      {decide !== null && <Deciding flag={flag} decide={decide} />}
      <div>
        <button
          type="button"
          class="c-disclose"
          aria-expanded={opened.value}
          aria-controls={`${id}-evidence`}
          onClick={() => (opened.value = !opened.value)}
        >
          {opened.value ? "Hide the evidence" : "Show the evidence"}
        </button>
        {opened.value && (
          <div id={`${id}-evidence`} class="c-evidence">
            {full === undefined ? <Fetched flag={flag} /> : <Evidence flag={full} />}
          </div>
        )}
      </div>
    </article>
  );
}

function Fetched({ flag }: { flag: AnyFlag }): JSX.Element {
  const loading = useLoad<FlagView>(`/teacher/flags/${flag.flag_id}`);
  const seen = useRef(flag.status);
  useEffect(() => {
    if (seen.current !== flag.status) loading.reload();
    seen.current = flag.status;
  }, [flag.status]);
  return (
    <Shown of={loading} label="Fetching the evidence…">
      {(full) => <Evidence flag={full} />}
    </Shown>
  );
}

function Evidence({ flag }: { flag: FlagView }): JSX.Element {
  const numbers = Object.entries(flag.numbers ?? {});
  const events = flag.evidence?.events ?? [];
  const more = (flag.evidence?.cited?.length ?? 0) - events.length;
  return (
    <div class="v-stack">
      <dl class="c-numbers">
        <div>
          <dt>Confidence</dt>
          <dd class="v-number">{percent(flag.confidence)}</dd>
        </div>
        {numbers.map(([name, value]) => (
          <div key={name}>
            <dt>{numberName(name)}</dt>
            <dd class="v-number">{numberValue(name, value)}</dd>
          </div>
        ))}
      </dl>
      {events.length > 0 && (
        <div class="v-stack-s">
          <p class="v-strong">What it rests on</p>
          <ol class="c-events">
            {events.map((event) => (
              <li key={`${event.stream_id}/${event.seq}`}>
                <span class="v-soft v-number">{formatTime(event.at)}</span>
                <span>
                  {eventText(event.type)}
                  <span class="v-soft"> {eventDetail(event.type, event.data)}</span>
                </span>
              </li>
            ))}
          </ol>
          {more > 0 && <p class="v-soft v-small">and {more} more events</p>}
        </div>
      )}
      {flag.false_alarms && (
        <Notice>
          <p class="v-strong">How this can be wrong</p>
          <p class="v-small">{flag.false_alarms}</p>
        </Notice>
      )}
      {(flag.reviews?.length ?? 0) > 0 && (
        <div class="v-stack-s">
          <p class="v-strong">Decisions so far</p>
          <ol class="c-events">
            {flag.reviews.map((review) => (
              <li key={review.at}>
                <span class="v-soft v-number">{formatDateTime(review.at)}</span>
                <span>
                  {review.by}: {review.from} → {review.to}. “{review.reason}”
                </span>
              </li>
            ))}
          </ol>
        </div>
      )}
      <p class="v-small v-soft">
        Rule {ruleText(flag.rule)}
        {flag.rule_version === null || flag.rule_version === undefined ? "" : `, version ${flag.rule_version}`}
        {flag.policy_version === null || flag.policy_version === undefined ? "" : `, policy ${flag.policy_version}`}. A
        rule concludes; a person decides.
      </p>
    </div>
  );
}

function Deciding({ flag, decide }: { flag: AnyFlag; decide: Decide }): JSX.Element | null {
  const chosen = useSignal<Choice | null>(null);
  const reason = useSignal("");
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const row = useRef<HTMLDivElement>(null);
  /** The status that was looked at when the decision was begun: the hub holds it against what the flag is then. */
  const seen = useRef(flag.status);
  const open = decisions(flag.status);
  useEffect(() => {
    if (chosen.value !== null) field.current?.focus();
  }, [chosen.value]);
  useEffect(() => {
    if (chosen.peek() === null || busy.peek() || seen.current === flag.status) return;
    chosen.value = null;
    failed.value = `${flag.reviewed_by ?? "Somebody"} decided meanwhile: ${decisionText(flag.status).toLowerCase()}. Look at it again.`;
  }, [flag.status]);
  if (open.length === 0) return null;
  const cancel = (): void => {
    chosen.value = null;
    queueMicrotask(() => row.current?.querySelector("button")?.focus());
  };
  const choose = (choice: Choice): void => {
    seen.current = flag.status;
    failed.value = null;
    chosen.value = choice;
  };
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const choice = chosen.value;
    if (choice === null || busy.value || reason.value.trim() === "") return;
    busy.value = true;
    failed.value = null;
    try {
      failed.value = await decide({ flag_id: flag.flag_id, status: seen.current }, choice, reason.value.trim());
      if (failed.value === null) {
        toast(decidedText(choice, titled(flag.rule_name ?? ruleText(flag.rule))), "good");
        reason.value = "";
        chosen.value = null;
      }
    } catch (error) {
      failed.value = unanswered(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="v-stack-s">
      {failed.value !== null && (
        <Notice tone="warning" role="alert">
          {failed.value}
        </Notice>
      )}
      {chosen.value === null ? (
        <div class="v-row-s" ref={row} role="group" aria-label="Decide">
          {open.map((choice) => (
            <Button
              key={choice}
              size="small"
              variant={choice === "confirmed" && flag.status === "open" ? "danger" : "secondary"}
              onClick={() => choose(choice)}
            >
              {verb(choice, flag.status)}
            </Button>
          ))}
        </div>
      ) : (
        <form
          class="c-decide v-stack-s"
          onSubmit={(event) => void submit(event)}
          onKeyDown={(event) => {
            if (event.key === "Escape") {
              event.preventDefault();
              event.stopPropagation();
              cancel();
            }
          }}
        >
          <Field
            label={`${verb(chosen.value, flag.status)}: why?`}
            help="Kept with your name. The student may read it after the review."
          >
            {(control) => (
              <textarea
                {...control}
                ref={field}
                rows={2}
                maxLength={2000}
                required
                value={reason.value}
                onInput={(event) => (reason.value = event.currentTarget.value)}
                onKeyDown={(event) => {
                  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit(event);
                }}
              />
            )}
          </Field>
          <div class="v-row-s">
            <Button
              size="small"
              variant="primary"
              type="submit"
              busy={busy.value}
              disabled={reason.value.trim() === ""}
            >
              {verb(chosen.value, flag.status)}
            </Button>
            <Button size="small" variant="quiet" onClick={cancel}>
              Cancel
            </Button>
          </div>
        </form>
      )}
    </div>
  );
}
