// The types of the hub's student endpoints under the names of this page. Times are ms since the epoch, by the server's
// clock.
import type { Json } from "@veritas/proctor";
import { RUNNING } from "@veritas/shared/wire/constants.ts";
import type { StudentAttempt, EnrolmentView, PaperItem, SavedAnswer as Saved } from "@veritas/shared/wire/rest.ts";

export type { ItemKind, Notice, Receipt, RecordedFlag, RecordView, Started } from "@veritas/shared/wire/rest.ts";
export type Item = PaperItem;
export type Enrolment = EnrolmentView;
export type SavedAnswer = Omit<Saved, "value"> & { value: Json };

export type AttemptView = Omit<StudentAttempt, "answers"> & { answers: { [item: string]: SavedAnswer } };

export const isRunning = (status: string): boolean => (RUNNING as readonly string[]).includes(status);
