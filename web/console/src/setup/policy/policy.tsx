/** The monitoring rules of an exam and their settings. A refused value is marked at its field. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Button, toast } from "@veritas/shared/ui/index.ts";
import { useFormAction } from "../../rest/action.ts";
import { useLoad } from "../../rest/load.ts";
import type { PolicyView } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { POLICY } from "../../texts/setup.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { RuleCard } from "./rule-card.tsx";
import { isOn, settingPath, settingValue, settingsOf, withSetting } from "./settings.ts";

export function Policy({ examId, readOnly }: { examId: string; readOnly: boolean }): JSX.Element {
  const loading = useLoad<PolicyView>(`/exams/${examId}/policy`);
  return (
    <Loaded from={loading} what={POLICY.what}>
      {(view) => (
        <PolicyForm key={view.version} examId={examId} view={view} readOnly={readOnly} onSaved={loading.reload} />
      )}
    </Loaded>
  );
}

interface PolicyFormProps {
  examId: string;
  view: PolicyView;
  readOnly: boolean;
  onSaved: () => void;
}

function PolicyForm({ examId, view, readOnly, onSaved }: PolicyFormProps): JSX.Element {
  const policy = useSignal(view.policy);
  const paths = view.rules.flatMap((rule) => settingsOf(rule).map(({ name }) => settingPath(rule.rule, name)));
  const { busy, errors, run } = useFormAction(paths);
  const isChanged = JSON.stringify(policy.value) !== JSON.stringify(view.policy);
  useFocusFirstError(errors.value.fields);
  const save = (event: Event): void => {
    event.preventDefault();
    void run(async () => {
      await api.put(`/exams/${examId}/policy`, { policy: policy.value });
      toast(POLICY.saved, "good");
      onSaved();
    });
  };
  return (
    <form class="v-stack" noValidate onSubmit={save}>
      <div class="v-spread">
        <p class="v-soft v-prose">{POLICY.about(view.version)}</p>
        {!readOnly && (
          <Button variant="primary" type="submit" busy={busy.value} disabled={!isChanged}>
            {POLICY.save}
          </Button>
        )}
      </div>
      <ErrorNotice text={errors.value.general} />
      <div class="c-rules">
        {view.rules.map((rule) => (
          <RuleCard
            key={rule.rule}
            rule={rule}
            on={isOn(policy.value, rule)}
            readOnly={readOnly}
            errors={errors.value.fields}
            settingOf={(field) => settingValue(policy.value, rule, field)}
            onChange={(name, value) => (policy.value = withSetting(policy.value, rule.rule, name, value))}
          />
        ))}
      </div>
    </form>
  );
}

function useFocusFirstError(errors: ReadonlyMap<string, string>): void {
  useEffect(() => {
    const [first] = errors.keys();
    if (first !== undefined) document.querySelector<HTMLElement>(`[data-path="${first}"] input`)?.focus();
  }, [errors]);
}
