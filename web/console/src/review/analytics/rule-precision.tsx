/** For each rule, how many of its flags were confirmed, with the confidence interval. */

import type { JSX } from "preact";
import { Table } from "@veritas/shared/ui/index.ts";
import { ruleText } from "../../format/names.ts";
import { percent } from "../../format/numbers.ts";
import type { Analytics } from "../../rest/types.ts";
import { RULE_PRECISION as TEXTS } from "../../texts/analytics.ts";

type Rule = Analytics["rules"][number];

export function RulePrecision({ rules }: { rules: readonly Rule[] }): JSX.Element {
  return (
    <section class="v-stack-s" aria-labelledby="rules">
      <h2 id="rules">{TEXTS.title}</h2>
      <p class="v-small v-soft v-prose">{TEXTS.about}</p>
      <div class="v-card v-card-flush">
        <Table caption={TEXTS.caption} hideCaption head={<Head />}>
          {rules.map((rule) => (
            <RuleRow key={rule.rule} rule={rule} />
          ))}
          {rules.length === 0 && (
            <tr>
              <td colSpan={6} class="v-soft">
                {TEXTS.empty}
              </td>
            </tr>
          )}
        </Table>
      </div>
    </section>
  );
}

function Head(): JSX.Element {
  return (
    <tr>
      <th scope="col">{TEXTS.rule}</th>
      {(["raised", "confirmed", "dismissed", "open"] as const).map((key) => (
        <th key={key} scope="col" data-align="end">
          {TEXTS[key]}
        </th>
      ))}
      <th scope="col">{TEXTS.precision}</th>
    </tr>
  );
}

function RuleRow({ rule }: { rule: Rule }): JSX.Element {
  return (
    <tr>
      <th scope="row">{ruleText(rule.rule, rule.name)}</th>
      <td data-align="end">{rule.raised}</td>
      <td data-align="end">{rule.confirmed}</td>
      <td data-align="end">{rule.dismissed}</td>
      <td data-align="end">{rule.open}</td>
      <td>
        <Precision {...rule} />
      </td>
    </tr>
  );
}

function Precision({ precision, low, high }: Pick<Rule, "precision" | "low" | "high">): JSX.Element {
  if (precision === null) return <span class="v-soft">{TEXTS.none}</span>;
  return (
    <span class="c-interval">
      <span class="c-interval-track" aria-hidden="true">
        <span class="c-interval-range" style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }} />
        <span class="c-interval-point" style={{ left: `${precision * 100}%` }} />
      </span>
      <span class="v-number v-small">
        {percent(precision)} <span class="v-soft">{TEXTS.interval(percent(low), percent(high))}</span>
      </span>
    </span>
  );
}
