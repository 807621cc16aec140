/** The averages of one exam as tiles. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Tile } from "@veritas/shared/ui/index.ts";
import { integrityText } from "../../format/names.ts";
import { count, percent, points } from "../../format/numbers.ts";
import type { Analytics } from "../../rest/types.ts";
import { ANALYTICS } from "../../texts/analytics.ts";
import { COMMON } from "../../texts/shell.ts";

export function Summary({ data: { analytics: all, exam } }: { data: Analytics }): JSX.Element {
  return (
    <section class="v-stack-s" aria-labelledby="summary">
      <div class="v-spread">
        <h2 id="summary">{ANALYTICS.summary}</h2>
        <span class="v-small v-soft">{ANALYTICS.asOf(formatDateTime(all.as_of))}</span>
      </div>
      <div class="c-tiles">
        <Tile
          label={ANALYTICS.attempts}
          value={all.total_attempts.toLocaleString("en")}
          note={ANALYTICS.needAttention(count(all.flagged, "attempt"), all.flagged !== 1)}
        />
        <Average
          label={ANALYTICS.averageScore}
          value={all.average_score}
          format={(score) => percent(score / 100)}
          note={() => ANALYTICS.ofPoints(points(exam.max_score))}
          without={ANALYTICS.notGraded}
        />
        <Average
          label={ANALYTICS.passed}
          value={all.pass_rate}
          format={(rate) => percent(rate / 100)}
          note={() => ANALYTICS.pointsToPass(points(exam.passing_score))}
          without={ANALYTICS.notGraded}
        />
        <Average
          label={ANALYTICS.averageIntegrity}
          value={all.average_integrity}
          format={percent}
          note={integrityText}
          without={ANALYTICS.notEnough}
        />
        <Average
          label={ANALYTICS.averageProgress}
          value={all.average_lmi}
          format={(lmi) => String(Math.round(lmi))}
          note={() => ANALYTICS.of100}
          without={ANALYTICS.tooFewDrafts}
        />
        <Tile label={ANALYTICS.highRisk} value={all.high_risk_count} note={ANALYTICS.highRiskNote} />
      </div>
    </section>
  );
}

interface AverageProps {
  label: string;
  value: number | null;
  format: (value: number) => string;
  note: (value: number) => string;
  /** The note without a value. */
  without: string;
}

function Average({ label, value, format, note, without }: AverageProps): JSX.Element {
  if (value === null) return <Tile label={label} value={COMMON.none} note={without} />;
  return <Tile label={label} value={format(value)} note={note(value)} />;
}
