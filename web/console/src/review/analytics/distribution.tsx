/** How scores, integrity and labels are distributed over the attempts of one exam. */

import type { JSX } from "preact";
import { Meter } from "@veritas/shared/ui/index.ts";
import { labelMeaning, labelText } from "../../format/names.ts";
import { percent } from "../../format/numbers.ts";
import type { Analytics } from "../../rest/types.ts";
import { DISTRIBUTION } from "../../texts/analytics.ts";
import { Histogram } from "./histogram/histogram.tsx";

export function Distribution({ data }: { data: Analytics }): JSX.Element {
  return (
    <section class="v-stack-s" aria-labelledby="distribution">
      <h2 id="distribution">{DISTRIBUTION.title}</h2>
      <div class="c-plots">
        <Histogram
          title={DISTRIBUTION.scores}
          about={DISTRIBUTION.scoresAbout}
          bins={data.score_distribution}
          edge={(value) => `${Math.round(value)} %`}
        />
        <Histogram
          title={DISTRIBUTION.integrity}
          about={DISTRIBUTION.integrityAbout}
          bins={data.integrity_distribution}
          edge={percent}
        />
        <Labels of={data.risk_distribution} />
      </div>
    </section>
  );
}

const LABELS = [
  ["safe", "good"],
  ["no_interest", "warning"],
  ["incapable", "warning"],
  ["copy", "critical"],
  ["unknown", "neutral"],
] as const;

function Labels({ of }: { of: Analytics["risk_distribution"] }): JSX.Element {
  const total = Object.values(of).reduce((sum, number) => sum + number, 0);
  return (
    <section class="v-card v-stack-s" aria-labelledby="labels">
      <h3 id="labels">{DISTRIBUTION.labels}</h3>
      <p class="v-small v-soft">{DISTRIBUTION.labelsAbout}</p>
      <dl class="c-risks">
        {LABELS.map(([key, tone]) => {
          const label = key === "unknown" ? null : key;
          const share = total === 0 ? 0 : of[key] / total;
          return (
            <div key={key} title={labelMeaning(label)}>
              <dt>{labelText(label)}</dt>
              <dd>
                <Meter value={share} label={labelText(label)} tone={tone} text={String(of[key])} />
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}
