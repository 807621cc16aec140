// The signed-in user of the exam page, and the API client that works for them.
import { Problem } from "@veritas/shared/api.ts";
import { createLogin } from "@veritas/shared/login.ts";

export const login = createLogin("exam");
export const { api } = login;

/** Return whether an error means that the user is signed out. The page then shows the sign-in, and continues after it. */
export const isSignedOut = (error: unknown): boolean => error instanceof Problem && error.status === 401;
