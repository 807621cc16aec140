// Confirms the notice and starts or continues the exam, with one click also in fullscreen.
import { errorText, Problem } from "@veritas/shared/api.ts";
import { formatSpan } from "@veritas/shared/time.ts";
import { Button, Check, Notice } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { api } from "../login.ts";
import { toAttempt, toList } from "../router.ts";
import { noticeTexts as texts } from "../texts.ts";
import type { Enrolment, Started } from "../types.ts";
import { StorageNotice } from "./storage-notice.tsx";

interface Props {
  exam: Enrolment;
  /** Called when another notice is valid now, so that it is shown. */
  onNoticeChanged: () => void;
}

export function StartForm({ exam, onNoticeChanged }: Props): JSX.Element {
  const isRead = useSignal(false);
  const isBusy = useSignal(false);
  const error = useSignal<unknown>(null);
  const isRunning = exam.state === "running";
  const start = () => {
    if (!isRead.value || isBusy.value) return;
    // Browsers allow fullscreen only within the click. Where it is not allowed at all, the exam starts without it.
    if (exam.monitored) void document.documentElement.requestFullscreen?.().catch(() => undefined);
    isBusy.value = true;
    error.value = null;
    startExam(exam)
      // The notice stays below it in the history: going back then stays on this page, which keeps the exam open.
      .then((started) => toAttempt(started.attempt_id))
      .catch((reason: unknown) => {
        error.value = reason;
        if (!(reason instanceof Problem) || reason.code !== "notice_changed") return;
        isRead.value = false;
        onNoticeChanged();
      })
      .finally(() => (isBusy.value = false));
  };
  return (
    <>
      <StorageNotice />
      <Check checked={isRead.value} onChange={(checked) => (isRead.value = checked)}>
        {texts.confirm(isRunning)}
      </Check>
      {error.value !== null && (
        <Notice tone="critical" role="alert">
          {errorText(error.value)}
        </Notice>
      )}
      <div class="v-row">
        <Button variant="primary" busy={isBusy.value} aria-disabled={!isRead.value} onClick={start}>
          {isRunning ? texts.continue : texts.start(formatSpan(exam.duration_minutes * 60_000))}
        </Button>
        <Button variant="quiet" onClick={toList}>
          {texts.notNow}
        </Button>
      </div>
      {!isRead.value && <p class="v-help">{texts.confirmFirst}</p>}
    </>
  );
}

function startExam(exam: Enrolment): Promise<Started> {
  const body = exam.notice === null ? {} : { notice: exam.notice.version };
  return api.post<Started>(`/student/exams/${exam.exam_id}/start`, body);
}
