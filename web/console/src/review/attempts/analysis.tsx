/** What was concluded after an attempt: scores with words, the label, the summary and who wrote it. It decides nothing. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Empty, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import type { BehaviorAnalysis, Monitoring } from "../../rest/types.ts";
import { count, integrityText, labelMeaning, percent } from "../../format/format.ts";
import { Integrity, Label } from "../../ui/words.tsx";

const STATES: Readonly<Record<string, string>> = {
  pending: "The analysis is being made.",
  stale: "Something it rests on has changed; it is being made anew. What stands here is from before.",
  failed: "The last try failed; it is tried again.",
};

const MODEL: Readonly<Record<string, string>> = {
  off: "No model is asked for this exam.",
  pending: "A model's summary is on its way.",
  failed: "The model gave nothing that could be used; the summary is the rules' own.",
};

const TRENDS: Readonly<Record<string, string>> = { up: "rising", steady: "steady", down: "falling" };

export function Analysis({ page }: { page: Monitoring }): JSX.Element {
  const analysis = page.behavior_analysis;
  if (analysis === null) {
    return (
      <div class="v-card">
        <Empty title="Not analysed yet">
          <p>The analysis is made when the attempt has ended.</p>
        </Empty>
      </div>
    );
  }
  const state = STATES[analysis.state];
  return (
    <div class="v-stack">
      {state !== undefined && (
        <Notice tone={analysis.state === "failed" ? "warning" : "info"} role="status">
          {analysis.state === "failed" ? state : <Spinner label={state} />}
        </Notice>
      )}
      {analysis.requires_instructor_attention && (
        <Notice tone="critical">Needs a teacher's attention: a critical flag stands, or the label says so.</Notice>
      )}
      <Scores analysis={analysis} page={page} />
      <Summary analysis={analysis} />
      <Indicators of={analysis.originality_indicators} />
    </div>
  );
}

function Scores({ analysis, page }: { analysis: BehaviorAnalysis; page: Monitoring }): JSX.Element {
  const lmi = analysis.lmi_score;
  return (
    <div class="c-tiles">
      <div class="v-card v-tile">
        <span class="v-soft v-small">Integrity</span>
        <Integrity score={analysis.integrity_score} coverage={analysis.coverage} />
        <span class="v-soft v-small">
          {analysis.integrity_score === null
            ? "Less than half was observed: no number is better than a guess."
            : `From standing flags; ${integrityText(analysis.integrity_score)}.`}
        </span>
      </div>
      <div class="v-card v-tile">
        <span class="v-soft v-small">Momentum of the drafts (LMI)</span>
        <span class="v-tile-value">{lmi === null ? "–" : Math.round(lmi)}</span>
        <span class="v-soft v-small">
          {lmi === null
            ? "Fewer than two drafts were kept."
            : `of 100: how many drafts made progress${analysis.improvement_trend === null ? "" : `, ${TRENDS[analysis.improvement_trend] ?? analysis.improvement_trend}`}.`}
        </span>
      </div>
      <div class="v-card v-tile">
        <span class="v-soft v-small">Label, for teachers only</span>
        <span>
          <Label of={analysis.dropout_label} />
        </span>
        <span class="v-soft v-small">
          {labelMeaning(analysis.dropout_label)}
          {analysis.dropout_confidence !== null && ` Confidence ${percent(analysis.dropout_confidence)}.`}
        </span>
      </div>
      <div class="v-card v-tile">
        <span class="v-soft v-small">Recorded</span>
        <span class="v-tile-value">{page.total_events.toLocaleString("en")}</span>
        <span class="v-soft v-small">
          {count(page.anomaly_events, "event")} that flags rest on
          {analysis.requires_recap && " · a recap may help"}
        </span>
      </div>
    </div>
  );
}

function Summary({ analysis }: { analysis: BehaviorAnalysis }): JSX.Element {
  const byRules = analysis.llm_model_version === "" || analysis.llm_model_version === "rules";
  const recommendations = analysis.llm_recommendations;
  const model = MODEL[analysis.model_state];
  return (
    <section class="v-card v-stack-s v-prose-card" aria-labelledby="summary">
      <div class="v-spread">
        <h2 id="summary">Summary</h2>
        <Badge tone={byRules ? "neutral" : "info"}>
          {byRules ? "written from the flags, by template" : `written by ${analysis.llm_model_version}`}
        </Badge>
      </div>
      <p class="v-prose">{analysis.llm_summary || "There is none yet."}</p>
      {recommendations.length > 0 && (
        <>
          <h3>Recommendations</h3>
          <Statements of={recommendations} />
        </>
      )}
      <p class="v-small v-soft">
        {model !== undefined && `${model} `}
        {!byRules && "A model may be wrong; it changed no score, status or flag. "}
        {analysis.analysed_at !== null &&
          `Analysed ${formatDateTime(analysis.analysed_at)}, revision ${analysis.revision}.`}
      </p>
    </section>
  );
}

/** What the model pointed out about originality. */
function Indicators({ of }: { of: readonly unknown[] }): JSX.Element | null {
  if (of.length === 0) return null;
  return (
    <section class="v-card v-stack-s" aria-labelledby="indicators">
      <h2 id="indicators">Originality</h2>
      <Statements of={of} />
    </section>
  );
}

/** Statements, each with how many events it cites where it cites any. */
function Statements({ of }: { of: readonly unknown[] }): JSX.Element {
  return (
    <ul class="c-plain v-prose">
      {of.map(statementOf).map(({ text, cited }) => (
        <li key={text}>
          {text}
          {cited > 0 && <span class="v-soft v-small"> (rests on {count(cited, "event")})</span>}
        </li>
      ))}
    </ul>
  );
}

export function statementOf(one: unknown): { text: string; cited: number } {
  if (one !== null && typeof one === "object") {
    const { text, cited } = one as { text?: unknown; cited?: unknown };
    if (typeof text === "string") return { text, cited: Array.isArray(cited) ? cited.length : 0 };
  }
  return { text: typeof one === "string" ? one : JSON.stringify(one), cited: 0 };
}
