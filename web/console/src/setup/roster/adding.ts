/** The steps of adding students: the hub reads a list, the teacher sees its preview, and exactly those rows are sent. */

import { type Signal, useSignal } from "@preact/signals";
import { Problem, errorText } from "@veritas/shared/api.ts";
import { toast } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import type { ExamView, RosterPreview, StudentCode } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { ADD_STUDENTS } from "../../texts/roster.ts";

const CSV = "text/csv";

interface Adding {
  readonly busy: Signal<boolean>;
  readonly preview: Signal<RosterPreview | null>;
  /** The usernames of self-made accounts that the teacher confirmed. */
  readonly confirmed: Signal<readonly string[]>;
  readonly refused: Signal<readonly string[]>;
  /** Forget the preview. */
  readonly start: () => void;
  readonly check: (content: string | Blob, header: "required" | "optional") => Promise<void>;
  /** Add the rows of the preview. */
  readonly add: () => Promise<void>;
}

export function useAdding(exam: ExamView, onCodes: (codes: readonly StudentCode[]) => void): Adding {
  const busy = useSignal(false);
  const preview = useSignal<RosterPreview | null>(null);
  const confirmed = useSignal<readonly string[]>([]);
  const refused = useSignal<readonly string[]>([]);
  const path = `/exams/${exam.exam_id}/roster`;
  const start = (): void => {
    preview.value = null;
    confirmed.value = [];
    refused.value = [];
  };
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (busy.value) return;
    busy.value = true;
    refused.value = [];
    try {
      await work();
    } catch (error) {
      refused.value = refusedRows(error);
    } finally {
      busy.value = false;
    }
  };
  const check: Adding["check"] = (content, header) =>
    run(async () => {
      start();
      const call = { text: { type: CSV, content }, query: { header } };
      preview.value = await api.call<RosterPreview>("POST", `${path}/preview`, call);
    });
  const add: Adding["add"] = () =>
    run(async () => {
      const students = (preview.value?.rows ?? []).map(entrantOf);
      const codes = await api.post<StudentCode[]>(path, { students, confirm: confirmed.value });
      toast(ADD_STUDENTS.added(count(students.length, "student")), "good");
      start();
      onCodes(codes);
    });
  return { busy, preview, confirmed, refused, start, check, add };
}

function entrantOf({ row: _row, on_roster: _on, ...student }: RosterPreview["rows"][number]): object {
  return { ...student, username: student.username === "" ? null : student.username };
}

function refusedRows(error: unknown): readonly string[] {
  const faults = error instanceof Problem ? error.faults : [];
  if (faults.length === 0) return [errorText(error)];
  return faults.map(({ path, message }) => `${path.replace(/^\$\.?/, "")}: ${message}`);
}
