/** The analysis of an attempt: scores, label and summary. It changes nothing. */

import type { JSX } from "preact";
import { Empty, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import type { BehaviorAnalysis, Monitoring } from "../../rest/types.ts";
import { ANALYSIS } from "../../texts/attempts.ts";
import { AnalysisScores } from "./analysis-scores.tsx";
import { Originality, Summary } from "./analysis-summary.tsx";

export function Analysis({ page }: { page: Monitoring }): JSX.Element {
  const analysis = page.behavior_analysis;
  if (analysis === null) {
    return (
      <div class="v-card">
        <Empty title={ANALYSIS.none}>
          <p>{ANALYSIS.noneText}</p>
        </Empty>
      </div>
    );
  }
  return (
    <div class="v-stack">
      <State of={analysis} />
      {analysis.requires_instructor_attention && <Notice tone="critical">{ANALYSIS.attention}</Notice>}
      <AnalysisScores analysis={analysis} page={page} />
      <Summary analysis={analysis} />
      <Originality indicators={analysis.originality_indicators} />
    </div>
  );
}

function State({ of }: { of: BehaviorAnalysis }): JSX.Element | null {
  const text = ANALYSIS.states[of.state];
  if (text === undefined) return null;
  const hasFailed = of.state === "failed";
  return (
    <Notice tone={hasFailed ? "warning" : "info"} role="status">
      {hasFailed ? text : <Spinner label={text} />}
    </Notice>
  );
}
