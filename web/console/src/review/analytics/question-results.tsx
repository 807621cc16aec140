/** For each question, how often it was answered, and the average points. */

import type { JSX } from "preact";
import { Meter, Table } from "@veritas/shared/ui/index.ts";
import { points } from "../../format/numbers.ts";
import type { Analytics } from "../../rest/types.ts";
import { QUESTION_RESULTS as TEXTS } from "../../texts/analytics.ts";

type Question = Analytics["items"][number];

export function QuestionResults({ items }: { items: readonly Question[] }): JSX.Element {
  return (
    <section class="v-stack-s" aria-labelledby="questions">
      <h2 id="questions">{TEXTS.title}</h2>
      <div class="v-card v-card-flush">
        <Table
          caption={TEXTS.caption}
          hideCaption
          head={
            <tr>
              <th scope="col">{TEXTS.question}</th>
              <th scope="col" data-align="end">
                {TEXTS.answered}
              </th>
              <th scope="col">{TEXTS.average}</th>
            </tr>
          }
        >
          {items.map((item) => (
            <tr key={item.item}>
              <th scope="row">
                <span class="v-mono v-soft">{item.item}</span> {item.prompt}
              </th>
              <td data-align="end">{item.answered}</td>
              <td>
                <AveragePoints item={item} />
              </td>
            </tr>
          ))}
        </Table>
      </div>
    </section>
  );
}

function AveragePoints({ item }: { item: Question }): JSX.Element {
  const { average_points: average, points: max } = item;
  return (
    <Meter
      value={average === null || max === 0 ? null : average / max}
      label={TEXTS.averageOf(item.item)}
      text={average === null ? TEXTS.notGraded : TEXTS.points(points(average), points(max))}
    />
  );
}
