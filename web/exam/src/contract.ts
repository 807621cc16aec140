// What the hub's student endpoints answer, as this page reads it: the generated types, and the record of an ended attempt.
// Times are ms since the epoch by the server's clock.
import type { Json } from "@veritas/proctor/index.ts";
import type { AttemptPaper, EnrolmentView, PaperItem, SavedAnswer as Saved } from "@veritas/shared/wire/rest.ts";

export type { ItemKind, Notice, Receipt, Started } from "@veritas/shared/wire/rest.ts";
export type Item = PaperItem;
export type Enrolment = EnrolmentView;
export type SavedAnswer = Omit<Saved, "value"> & { value: Json };

export interface RecordedFlag {
  rule: string;
  name: string;
  severity: string;
  status: string;
  summary: string;
  explanation: string;
  at: number | null;
}

export interface AttemptRecord {
  score: number | null;
  max_score: number | null;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
  released: boolean;
  integrity: { score: number | null; status: string };
  coverage: number | null;
  summary: string;
  flags: RecordedFlag[];
  recorded: { event_type: string; count: number; first_at: number; last_at: number }[];
}

export type Paper = Omit<AttemptPaper, "answers" | "record"> & {
  answers: { [item: string]: SavedAnswer };
  /** What came of it; null until that is worked out. */
  record?: AttemptRecord | null;
};

const RUNNING: ReadonlySet<string> = new Set(["in_progress", "paused", "reopened"]);

export const isRunning = (status: string): boolean => RUNNING.has(status);
