// The student's record: result, integrity, coverage, flags and recorded events.
import { Badge, Meter, type Tone } from "@veritas/shared/ui/index.ts";
import type { ComponentChildren, JSX } from "preact";
import type { RecordView } from "../types.ts";
import { Flags } from "./flags.tsx";
import { RecordedEvents } from "./recorded-events.tsx";
import { recordTexts as texts } from "./texts.ts";

export function Record({ record }: { record: RecordView }): JSX.Element {
  const integrity = integrityOf(record);
  return (
    <div class="v-stack">
      <div class="x-cards">
        <Card title={texts.result}>
          <Result record={record} />
        </Card>
        <Card title={texts.integrity} help={texts.integrityHelp}>
          <div>
            <Badge tone={integrity.tone}>{integrity.text}</Badge>
          </div>
        </Card>
        <Card title={texts.coverage} help={texts.coverageHelp}>
          <Meter value={record.coverage} label={texts.coverage} text={texts.covered(record.coverage)} />
        </Card>
      </div>
      {record.summary !== "" && <p class="v-prose x-lines">{record.summary}</p>}
      <Flags flags={record.flags} isReleased={record.released} />
      <RecordedEvents rows={record.recorded} />
    </div>
  );
}

function Card({ title, help, children }: { title: string; help?: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="v-card v-stack-s">
      <h3>{title}</h3>
      {children}
      {help !== undefined && <p class="v-soft v-small">{help}</p>}
    </div>
  );
}

function integrityOf(record: RecordView): { text: string; tone: Tone } {
  if (record.integrity.score === null && !record.released) return { text: texts.notReleased, tone: "neutral" };
  return texts.integrityOf(record.integrity.status);
}

function Result({ record }: { record: RecordView }): JSX.Element {
  if (record.score === null) return <p>{record.released ? texts.notGraded : texts.notReleasedHelp}</p>;
  const { score, max_score: max, percentage, passed } = record;
  return (
    <>
      <p class="x-score v-number">{max === null ? texts.points(score) : texts.pointsOf(score, max)}</p>
      <p class="v-row-s">
        {percentage !== null && <span class="v-number">{texts.percent(percentage)}</span>}
        {passed !== null && <Badge tone={passed ? "good" : "warning"}>{texts.passed(passed)}</Badge>}
      </p>
      {!record.grade_final && <p class="v-soft v-small">{texts.notFinal}</p>}
    </>
  );
}
