// The addresses of the exam page: /exam is the list, ?exam= the notice of an exam, ?attempt= an attempt or its result.
import { computed } from "@preact/signals";
import { go, search } from "@veritas/shared/route.ts";

const parameter = (name: string) => computed(() => new URLSearchParams(search.value).get(name));

/** The exam whose notice is shown. */
export const examId = parameter("exam");
/** The attempt that is shown. It is part of the address, so that a reload continues with it. */
export const attemptId = parameter("attempt");

export const attemptPath = (attempt: string): string => `/exam?attempt=${encodeURIComponent(attempt)}`;

export const toList = (): void => go("/exam");
export const toNotice = (exam: string, how: { replace?: boolean } = {}): void =>
  go(`/exam?exam=${encodeURIComponent(exam)}`, how);
export const toAttempt = (attempt: string, how: { replace?: boolean } = {}): void => go(attemptPath(attempt), how);
