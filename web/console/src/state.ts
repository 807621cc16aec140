/** What all pages of the console share: the login, the one socket, and a clock. Created once, when the page loads. */

import { effect, signal } from "@preact/signals";
import { Problem } from "@veritas/shared/api.ts";
import { watchIdle } from "@veritas/shared/input/idle.ts";
import { createLogin } from "@veritas/shared/login.ts";
import { SignedOut } from "@veritas/shared/socket/ticket-socket.ts";
import { socketUrl } from "@veritas/shared/socket/ticket.ts";
import { clock } from "@veritas/shared/time.ts";
import { CloseCode } from "@veritas/shared/wire/codes.ts";
import { ConsoleConnection } from "./board/connection.ts";
import { keepUser } from "./shell/kept-user.ts";

export const login = createLogin("console");
export const api = login.api;
api.isIdle = watchIdle();

/** The user of the open pages. The user and the pages stay when the session ends, until someone else signs in. */
export const { user, forget, signInAgain } = keepUser(login);
api.signInAgain = signInAgain;

/** The time of the server, ms since the epoch; set once a second. */
export const now = signal(clock.now());
setInterval(() => {
  now.value = clock.now();
}, 1_000);

let current: ConsoleConnection | null = null;

/** A user who may not use the console any more counts as signed out. */
async function getTicket(): Promise<string> {
  try {
    return await api.ticket("console");
  } catch (error) {
    const isRefused = error instanceof Problem && (error.status === 401 || error.status === 403);
    throw isRefused ? new SignedOut() : error;
  }
}

function connect(): ConsoleConnection {
  const made = new ConsoleConnection(socketUrl("/ws/console"), { getTicket, getToken: () => api.access() });
  effect(() => {
    const state = made.state.value;
    // The hub closes the socket when the session ends. Without a session this asks the user to sign in again.
    if (state.kind === "closed" && state.code === CloseCode.unauthenticated) void login.resume().catch(() => undefined);
  });
  return made;
}

/** The socket of the signed-in user. It opens with the first board. */
export function connection(): ConsoleConnection {
  current ??= connect();
  return current;
}

effect(() => {
  if (login.state.value === "in") current?.signedInAgain();
});

/** Close the socket, because its session ends. */
export function disconnect(): void {
  current?.stop();
  current = null;
}
