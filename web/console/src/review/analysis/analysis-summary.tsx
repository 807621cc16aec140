/** The summary of an analysis, who wrote it, and the model's claims with the events that they cite. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import type { BehaviorAnalysis } from "../../rest/types.ts";
import { ANALYSIS } from "../../texts/attempts.ts";
import { claimOf } from "./claims.ts";

/** The model version of a summary that the rules wrote. */
const RULES = new Set(["", "rules"]);

export function Summary({ analysis }: { analysis: BehaviorAnalysis }): JSX.Element {
  const { llm_model_version: model, llm_recommendations: recommendations } = analysis;
  const byRules = RULES.has(model);
  return (
    <section class="v-card v-stack-s v-prose-card" aria-labelledby="summary">
      <div class="v-spread">
        <h2 id="summary">{ANALYSIS.summary}</h2>
        <Badge tone={byRules ? "neutral" : "info"}>{byRules ? ANALYSIS.byRules : ANALYSIS.byModel(model)}</Badge>
      </div>
      <p class="v-prose">{analysis.llm_summary || ANALYSIS.noSummary}</p>
      {recommendations.length > 0 && (
        <>
          <h3>{ANALYSIS.recommendations}</h3>
          <Claims of={recommendations} />
        </>
      )}
      <p class="v-small v-soft">{sourceText(analysis, byRules)}</p>
    </section>
  );
}

function sourceText(analysis: BehaviorAnalysis, byRules: boolean): string {
  const state = ANALYSIS.models[analysis.model_state];
  const at = analysis.analysed_at;
  return [
    state === undefined ? "" : `${state} `,
    byRules ? "" : ANALYSIS.modelNote,
    at === null ? "" : ANALYSIS.analyzed(formatDateTime(at), analysis.revision),
  ].join("");
}

/** What the model noticed about originality. */
export function Originality({ indicators }: { indicators: readonly unknown[] }): JSX.Element | null {
  if (indicators.length === 0) return null;
  return (
    <section class="v-card v-stack-s" aria-labelledby="originality">
      <h2 id="originality">{ANALYSIS.originality}</h2>
      <Claims of={indicators} />
    </section>
  );
}

function Claims({ of }: { of: readonly unknown[] }): JSX.Element {
  return (
    <ul class="c-plain v-prose">
      {of.map(claimOf).map(({ text, cited }) => (
        <li key={text}>
          {text}
          {cited > 0 && <span class="v-soft v-small">{ANALYSIS.cites(count(cited, "event"))}</span>}
        </li>
      ))}
    </ul>
  );
}
