// Loads an attempt: a running one starts the exam, any other one shows its result.
import { clock } from "@veritas/shared/time.ts";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { api, isSignedOut } from "./login.ts";
import { Loading } from "./parts/loading.tsx";
import { useLoad } from "./parts/use-load.ts";
import { ResultView } from "./result/result-view.tsx";
import { deliverStoredEvents } from "./session/session.ts";
import { texts } from "./texts.ts";
import { type AttemptView, isRunning } from "./types.ts";

interface Props {
  id: string;
  onRunning: (attempt: AttemptView) => void;
}

export function AttemptLoader({ id, onRunning }: Props): JSX.Element {
  const { value, error, again } = useLoad(() => loadAttempt(id), id);
  useEffect(() => {
    if (value === null) return;
    if (isRunning(value.status)) onRunning(value);
  }, [value]);
  if (value === null || isRunning(value.status)) {
    return <Loading error={isSignedOut(error) ? null : error} again={again} label={texts.loading.exam} />;
  }
  return <ResultView first={value} deliver={() => deliverStoredEvents(api, id)} />;
}

async function loadAttempt(id: string): Promise<AttemptView> {
  const sent = clock.steadyNow();
  const attempt = await api.get<AttemptView>(`/student/exams/${encodeURIComponent(id)}`);
  clock.read(attempt.server_at, sent);
  return attempt;
}
