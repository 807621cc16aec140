// What this page has in hand: the login, the address, and the one session that runs. Built once, at start.
import { Problem } from "@veritas/shared/api.ts";
import { go, search } from "@veritas/shared/route.ts";
import { createLogin } from "@veritas/shared/login.ts";
import { computed } from "@preact/signals";

export const login = createLogin("exam");
export const { api } = login;

const parameter = (name: string) => computed(() => new URLSearchParams(search.value).get(name));

/** The exam whose notice is shown. */
export const examId = parameter("exam");
/** The attempt that is sat, or read afterwards: it stands in the address, so that a reload goes on with it. */
export const attemptId = parameter("attempt");

export const toList = (): void => go("/exam");
export const toNotice = (exam: string): void => go(`/exam?exam=${encodeURIComponent(exam)}`);
export const toAttempt = (attempt: string, how: { replace?: boolean } = {}): void =>
  go(`/exam?attempt=${encodeURIComponent(attempt)}`, how);

/** Whether the sign-in is what is missing: the page shows the way in, and goes on where it was. */
export const isSignedOut = (error: unknown): boolean => error instanceof Problem && error.status === 401;
