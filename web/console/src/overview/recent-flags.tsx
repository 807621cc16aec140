/** The latest flags of all exams; nothing without flags. */

import type { JSX } from "preact";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Severity } from "@veritas/shared/ui/index.ts";
import { studentName } from "../format/names.ts";
import type { FlagSummary } from "../rest/types.ts";
import { OVERVIEW } from "../texts/overview.ts";

export function RecentFlags({ flags }: { flags: readonly FlagSummary[] }): JSX.Element | null {
  if (flags.length === 0) return null;
  return (
    <section class="v-stack-s" aria-labelledby="recent-flags">
      <h2 id="recent-flags">{OVERVIEW.latestFlags}</h2>
      <ul class="c-list v-card v-card-flush">
        {flags.map((flag) => (
          <FlagLine key={flag.flag_id} flag={flag} />
        ))}
      </ul>
    </section>
  );
}

function FlagLine({ flag }: { flag: FlagSummary }): JSX.Element {
  return (
    <li class="c-list-line">
      <Severity of={flag.severity} />
      <div class="v-grow">
        <a class="c-list-link" href={`/console/attempts/${flag.attempt_id}`}>
          <bdi>{studentName(flag.student)}</bdi>
        </a>
        <div class="v-small">{flag.summary}</div>
      </div>
      <span class="v-soft v-small v-number">{formatDateTime(flag.raised_at)}</span>
    </li>
  );
}
