/** One rule of a policy: on or off, and its settings. */

import type { JSX } from "preact";
import { Badge, Check, Field } from "@veritas/shared/ui/index.ts";
import { capitalized } from "../../format/names.ts";
import type { RuleInfo } from "../../rest/types.ts";
import { POLICY } from "../../texts/setup.ts";
import { type SettingField, settingPath, settingsOf } from "./settings.ts";

interface RuleCardProps {
  rule: RuleInfo;
  on: boolean;
  readOnly: boolean;
  /** By path of a setting. */
  errors: ReadonlyMap<string, string>;
  settingOf: (field: SettingField) => unknown;
  onChange: (name: string, value: unknown) => void;
}

export function RuleCard({ rule, on, readOnly, errors, settingOf, onChange }: RuleCardProps): JSX.Element {
  return (
    <section class="v-card v-stack-s" aria-label={rule.name} data-off={on ? undefined : ""}>
      <div class="v-spread">
        <h2 class="c-h3">{capitalized(rule.name)}</h2>
        {rule.camera && <Badge>{POLICY.cameraOnly}</Badge>}
      </div>
      <p class="v-small v-soft">{rule.summary}</p>
      <Check checked={on} disabled={readOnly} onChange={(next) => onChange("on", next)}>
        {on ? POLICY.on : POLICY.off}
        <span class="v-hidden">: {rule.name}</span>
      </Check>
      {on && (
        <div class="c-settings">
          {settingsOf(rule).map((field) => (
            <Setting
              key={field.name}
              field={field}
              path={settingPath(rule.rule, field.name)}
              value={settingOf(field)}
              error={errors.get(settingPath(rule.rule, field.name))}
              readOnly={readOnly}
              onChange={(value) => onChange(field.name, value)}
            />
          ))}
        </div>
      )}
    </section>
  );
}

interface SettingProps {
  field: SettingField;
  path: string;
  value: unknown;
  error: string | undefined;
  readOnly: boolean;
  onChange: (value: unknown) => void;
}

function Setting({ field, path, value, error, readOnly, onChange }: SettingProps): JSX.Element {
  if (field.kind === "switch") {
    return (
      <Check checked={value === true} disabled={readOnly} onChange={onChange} help={field.help}>
        {field.label}
      </Check>
    );
  }
  return (
    <div data-path={path}>
      <Field label={field.label} help={field.help === "" ? undefined : field.help} error={error}>
        {(control) => (
          <input
            {...control}
            type="number"
            step={field.kind === "integer" ? 1 : "any"}
            readOnly={readOnly}
            value={typeof value === "number" && !Number.isNaN(value) ? value : ""}
            onInput={({ currentTarget: input }) => onChange(input.value === "" ? null : input.valueAsNumber)}
          />
        )}
      </Field>
    </div>
  );
}
