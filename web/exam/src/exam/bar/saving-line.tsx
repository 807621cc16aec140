// Whether the answers are saved. Losses are announced to screen readers, and a save after a loss.
import { announce, Icon, type IconName } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSecond } from "../../parts/use-second.ts";
import { describeSaving, type Saving, shouldAnnounce } from "../../session/saving.ts";
import type { ExamSession } from "../../session/session.ts";

export function SavingLine({ session }: { session: ExamSession }): JSX.Element | null {
  useSecond();
  const last = useRef<Saving["kind"]>("idle");
  const status = session.status.value;
  const isElsewhere = status === null || status.link === "elsewhere" || status.over === "superseded";
  const saving = isElsewhere ? null : describeSaving(status, session.typing.value, performance.now());
  useEffect(() => {
    if (saving === null) return;
    if (shouldAnnounce(last.current, saving.kind) && saving.spoken !== "") {
      announce(saving.spoken, saving.tone === "critical" ? "assertive" : "polite");
    }
    last.current = saving.kind;
  }, [saving?.kind]);
  if (saving === null) return null;
  return (
    <span class="x-saving" data-tone={saving.tone} data-kind={saving.kind}>
      <Icon name={iconOf(saving)} size={16} />
      <span>{saving.text}</span>
    </span>
  );
}

function iconOf({ tone, kind }: Saving): IconName {
  if (tone === "critical") return "critical";
  if (kind === "offline") return "offline";
  return kind === "saved" || kind === "idle" ? "check" : "clock";
}
