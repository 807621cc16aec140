/** The rules of an exam: on or off, and their numbers. A value the hub refuses is named at its field. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { Badge, Button, Check, Field, Notice, toast } from "@veritas/shared/ui/index.ts";
import { NOTHING, type Refusal, refusal } from "../../rest/errors.ts";
import { useLoad } from "../../rest/load.ts";
import { isOn, settingsOf, settingValue, withSetting } from "./settings.ts";
import type { PolicyView, RuleInfo } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { titled } from "../../format/format.ts";
import { Shown } from "../../ui/page.tsx";

export function PolicyEditor({ examId, readOnly }: { examId: string; readOnly: boolean }): JSX.Element {
  const loading = useLoad<PolicyView>(`/exams/${examId}/policy`);
  return (
    <Shown of={loading} label="Fetching the rules…">
      {(view) => <Editor key={view.version} examId={examId} view={view} readOnly={readOnly} onSaved={loading.reload} />}
    </Shown>
  );
}

interface EditorProps {
  examId: string;
  view: PolicyView;
  readOnly: boolean;
  onSaved: () => void;
}

function Editor({ examId, view, readOnly, onSaved }: EditorProps): JSX.Element {
  const policy = useSignal(view.policy);
  const busy = useSignal(false);
  const refused = useSignal<Refusal>(NOTHING);
  const paths = view.rules.flatMap((rule) => settingsOf(rule).map((field) => `rules.${rule.rule}.${field.name}`));
  const isChanged = JSON.stringify(policy.value) !== JSON.stringify(view.policy);
  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    refused.value = NOTHING;
    try {
      await api.put(`/exams/${examId}/policy`, { policy: policy.value });
      toast("The rules are saved as a new version.", "good");
      onSaved();
    } catch (error) {
      refused.value = refusal(error, paths);
      const first = [...refused.value.fields.keys()][0];
      if (first !== undefined) document.querySelector<HTMLElement>(`[data-path="${first}"] input`)?.focus();
    } finally {
      busy.value = false;
    }
  };
  return (
    <form class="v-stack" noValidate onSubmit={(event) => void save(event)}>
      <div class="v-spread">
        <p class="v-soft v-prose">
          Version {view.version}. A change counts for attempts that start after it. A rule concludes; what follows from
          a flag, a person decides.
        </p>
        {!readOnly && (
          <Button variant="primary" type="submit" busy={busy.value} disabled={!isChanged}>
            Save the rules
          </Button>
        )}
      </div>
      {refused.value.general !== null && (
        <Notice tone="critical" role="alert">
          {refused.value.general}
        </Notice>
      )}
      <div class="c-rules">
        {view.rules.map((rule) => (
          <Rule
            key={rule.rule}
            rule={rule}
            on={isOn(policy.value, rule)}
            readOnly={readOnly}
            refused={refused.value.fields}
            value={(field) => settingValue(policy.value, rule, field)}
            onChange={(name, value) => (policy.value = withSetting(policy.value, rule.rule, name, value))}
          />
        ))}
      </div>
    </form>
  );
}

interface RuleProps {
  rule: RuleInfo;
  on: boolean;
  readOnly: boolean;
  refused: ReadonlyMap<string, string>;
  value: (field: ReturnType<typeof settingsOf>[number]) => unknown;
  onChange: (name: string, value: unknown) => void;
}

function Rule({ rule, on, readOnly, refused, value, onChange }: RuleProps): JSX.Element {
  return (
    <section class="v-card v-stack-s" aria-label={rule.name} data-off={on ? undefined : ""}>
      <div class="v-spread">
        <h2 class="c-h3">{titled(rule.name)}</h2>
        {rule.camera && <Badge>camera only</Badge>}
      </div>
      <p class="v-small v-soft">{rule.summary}</p>
      <Check checked={on} disabled={readOnly} onChange={(next) => onChange("on", next)}>
        {on ? "On" : "Off"}
        <span class="v-hidden">: {rule.name}</span>
      </Check>
      {on && (
        <div class="c-settings">
          {settingsOf(rule).map((field) => {
            const path = `rules.${rule.rule}.${field.name}`;
            const now = value(field);
            if (field.kind === "switch") {
              return (
                <Check
                  key={field.name}
                  checked={now === true}
                  disabled={readOnly}
                  onChange={(next) => onChange(field.name, next)}
                  help={field.help}
                >
                  {field.label}
                </Check>
              );
            }
            return (
              <div key={field.name} data-path={path}>
                <Field label={field.label} help={field.help === "" ? undefined : field.help} error={refused.get(path)}>
                  {(control) => (
                    <input
                      {...control}
                      type="number"
                      step={field.kind === "integer" ? 1 : "any"}
                      readOnly={readOnly}
                      value={typeof now === "number" && !Number.isNaN(now) ? now : ""}
                      onInput={(event) =>
                        onChange(
                          field.name,
                          event.currentTarget.value === "" ? null : event.currentTarget.valueAsNumber,
                        )
                      }
                    />
                  )}
                </Field>
              </div>
            );
          })}
        </div>
      )}
    </section>
  );
}
