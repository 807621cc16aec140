// The flags that the student may see, each with the reviewer's decision.
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Notice, Severity } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import type { RecordedFlag } from "../types.ts";
import { recordTexts as texts } from "./texts.ts";

export function Flags({ flags, isReleased }: { flags: RecordedFlag[]; isReleased: boolean }): JSX.Element {
  if (flags.length === 0) {
    return <Notice tone={isReleased ? "good" : "info"}>{isReleased ? texts.noFlags : texts.noFlagsYet}</Notice>;
  }
  return (
    <section class="v-stack" aria-labelledby="flags">
      <h3 id="flags">{texts.flags(flags.length)}</h3>
      <ul class="x-flags">
        {flags.map((flag, index) => (
          <FlagCard flag={flag} key={index} />
        ))}
      </ul>
    </section>
  );
}

function FlagCard({ flag }: { flag: RecordedFlag }): JSX.Element {
  return (
    <li class="v-card v-stack-s">
      <div class="v-spread">
        <h4>{flag.name}</h4>
        <span class="v-row-s">
          <Severity of={flag.severity} />
          <Badge>{texts.flagStatus(flag.status)}</Badge>
        </span>
      </div>
      <p>{flag.summary}</p>
      {flag.explanation !== "" && <p class="v-soft">{flag.explanation}</p>}
      {flag.at !== null && <p class="v-soft v-small">{formatDateTime(flag.at)}</p>}
    </li>
  );
}
