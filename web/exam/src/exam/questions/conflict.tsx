// An answer that was changed here and elsewhere in the meantime: both are shown, and the student chooses one.
import type { Json } from "@veritas/proctor";
import { own } from "@veritas/shared/lookup/own.ts";
import { formatTime } from "@veritas/shared/time.ts";
import { Button, Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import type { ExamSession } from "../../session/session.ts";
import { conflictTexts as texts } from "../../texts.ts";
import type { Item } from "../../types.ts";

export function ConflictNotice({ item, session }: { item: Item; session: ExamSession }): JSX.Element | null {
  const conflict = own(session.conflicts.value, item.item);
  if (conflict === undefined) return null;
  const versions = [
    { name: texts.here, value: conflict.here },
    { name: texts.there(formatTime(conflict.savedAt)), value: conflict.there },
  ];
  return (
    <Notice tone="warning" role="alert">
      <p>{texts.heading}</p>
      <ul class="x-versions">
        {versions.map(({ name, value }) => (
          <li key={name} class="v-stack-s">
            <h3 class="v-small">{name}</h3>
            <p class="x-lines x-version" dir="auto">
              {textOf(value)}
            </p>
            <div>
              <Button size="small" onClick={() => session.settle(item, value)}>
                {texts.use}
                <span class="v-hidden">{`: ${name}`}</span>
              </Button>
            </div>
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function textOf(value: Json): string {
  if (value === null || value === "") return texts.empty;
  return Array.isArray(value) ? value.join("\n") : String(value);
}
