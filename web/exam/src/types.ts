// The types of the hub's student endpoints under the names of this page. Times are ms since the epoch, by the server's
// clock.
import type { Json } from "@veritas/proctor";
import type { StudentAttempt, EnrolmentView, PaperItem, SavedAnswer as Saved } from "@veritas/shared/wire/rest.ts";

export type { ItemKind, Notice, Receipt, RecordedFlag, RecordView, Started } from "@veritas/shared/wire/rest.ts";
export type Item = PaperItem;
export type Enrolment = EnrolmentView;
export type SavedAnswer = Omit<Saved, "value"> & { value: Json };

export type AttemptView = Omit<StudentAttempt, "answers"> & { answers: { [item: string]: SavedAnswer } };

const RUNNING: ReadonlySet<string> = new Set(["in_progress", "paused", "reopened"]);

export const isRunning = (status: string): boolean => RUNNING.has(status);
