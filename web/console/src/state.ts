/** What the whole console shares: who is signed in, the one socket, the second hand. Made once, when it is loaded. */

import { signal } from "@preact/signals";
import { Problem } from "@veritas/shared/api.ts";
import { createLogin } from "@veritas/shared/login.ts";
import { clock } from "@veritas/shared/time.ts";
import { Console } from "./board/connection.ts";

export const session = createLogin("console");
export const api = session.api;

/** The hub's clock, once a second. */
export const now = signal(clock.now());
setInterval(() => {
  now.value = clock.now();
}, 1_000);

const SOCKET = `${location.origin.replace(/^http/, "ws")}/ws/console`;

let open: Console | null = null;

/** The signed-in person's socket; it opens with the first board that is looked at. */
export function live(): Console {
  open ??= new Console(SOCKET, {
    getTicket: () => api.ticket("console"),
    getToken: () => api.access(),
    isFinal: (error) => error instanceof Problem && (error.status === 401 || error.status === 403),
  });
  return open;
}

/** Close the socket with the session it rested on. */
export function hangUp(): void {
  open?.stop();
  open = null;
}
