/** Publishes an exam, takes it back to draft, and releases its results. */

import type { JSX } from "preact";
import { Button, toast } from "@veritas/shared/ui/index.ts";
import { useAction } from "../../rest/action.ts";
import type { ExamView } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { PUBLISHING } from "../../texts/setup.ts";
import { ErrorNotice } from "../../ui/error-notice.tsx";

/** The requests that change who sees an exam, and what the user reads when they are done. */
const DONE = {
  publish: PUBLISHING.published,
  unpublish: PUBLISHING.unpublished,
  release: PUBLISHING.released,
} as const;

export function Publishing({ exam, onChange }: { exam: ExamView; onChange: () => void }): JSX.Element {
  const action = useAction();
  const run = (request: keyof typeof DONE): void =>
    void action.run(async () => {
      await api.post(`/exams/${exam.exam_id}/${request}`);
      toast(DONE[request], "good");
      onChange();
    });
  const busy = action.busy.value;
  return (
    <div class="v-stack-s">
      <div class="v-row-s">
        {!exam.is_published && (
          <Button variant="primary" busy={busy} onClick={() => run("publish")}>
            {PUBLISHING.publish}
          </Button>
        )}
        {exam.is_published && exam.results_released_at === null && (
          <Button busy={busy} onClick={() => run("release")}>
            {PUBLISHING.release}
          </Button>
        )}
        {exam.is_published && exam.results_released_at !== null && (
          <span class="v-badge" data-tone="good">
            {PUBLISHING.isReleased}
          </span>
        )}
        {exam.is_published && (
          <Button variant="quiet" busy={busy} onClick={() => run("unpublish")}>
            {PUBLISHING.unpublish}
          </Button>
        )}
      </div>
      <ErrorNotice text={action.failed.value} />
    </div>
  );
}
