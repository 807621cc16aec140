/** The scores of an analysis as tiles, each with what it is based on. */

import type { ComponentChildren, JSX } from "preact";
import { integrityText, labelMeaning } from "../../format/names.ts";
import { count, percent } from "../../format/numbers.ts";
import type { BehaviorAnalysis, Monitoring } from "../../rest/types.ts";
import { ANALYSIS } from "../../texts/attempts.ts";
import { COMMON } from "../../texts/shell.ts";
import { TRENDS } from "../../texts/words.ts";
import { LabelBadge } from "../../ui/values/badges.tsx";
import { Integrity } from "../../ui/values/integrity.tsx";

interface AnalysisScoresProps {
  analysis: BehaviorAnalysis;
  page: Monitoring;
}

export function AnalysisScores({ analysis, page }: AnalysisScoresProps): JSX.Element {
  const { integrity_score: integrity, lmi_score: lmi } = analysis;
  return (
    <div class="c-tiles">
      <ScoreTile
        name={ANALYSIS.integrity}
        note={integrity === null ? ANALYSIS.noIntegrity : ANALYSIS.integrityNote(integrityText(integrity))}
      >
        <Integrity score={integrity} coverage={analysis.coverage} />
      </ScoreTile>
      <ScoreTile name={ANALYSIS.progress} note={progressNote(analysis)}>
        <span class="v-tile-value">{lmi === null ? COMMON.none : Math.round(lmi)}</span>
      </ScoreTile>
      <ScoreTile name={ANALYSIS.label} note={labelNote(analysis)}>
        <span>
          <LabelBadge label={analysis.dropout_label} />
        </span>
      </ScoreTile>
      <ScoreTile
        name={ANALYSIS.recorded}
        note={`${ANALYSIS.cited(count(page.anomaly_events, "event"))}${analysis.requires_recap ? ANALYSIS.recap : ""}`}
      >
        <span class="v-tile-value">{page.total_events.toLocaleString("en")}</span>
      </ScoreTile>
    </div>
  );
}

function progressNote({ lmi_score: lmi, improvement_trend: trend }: BehaviorAnalysis): string {
  if (lmi === null) return ANALYSIS.noProgress;
  return ANALYSIS.progressNote(trend === null ? "" : `, ${TRENDS[trend] ?? trend}`);
}

function labelNote({ dropout_label: label, dropout_confidence: confidence }: BehaviorAnalysis): string {
  return `${labelMeaning(label)}${confidence === null ? "" : ANALYSIS.confidence(percent(confidence))}`;
}

interface ScoreTileProps {
  name: string;
  note: string;
  children: ComponentChildren;
}

function ScoreTile({ name, note, children }: ScoreTileProps): JSX.Element {
  return (
    <div class="v-card v-tile">
      <span class="v-soft v-small">{name}</span>
      {children}
      <span class="v-soft v-small">{note}</span>
    </div>
  );
}
