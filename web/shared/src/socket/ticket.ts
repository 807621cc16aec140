// Where a page of the hub connects to, and how it gets its ticket from the hub's REST.

import { type Api, Problem } from "../api.ts";
import { SignedOut } from "./ticket-socket.ts";

/** Return the ws: or wss: address of a path on the page's own host. */
export function socketUrl(path: string): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

/** Return a function that fetches a single-use ticket; it throws `SignedOut` when the user is signed out. */
export function ticketSource(api: Pick<Api, "ticket">, purpose: "monitor" | "console"): () => Promise<string> {
  return async () => {
    try {
      return await api.ticket(purpose);
    } catch (error) {
      throw error instanceof Problem && error.status === 401 ? new SignedOut() : error;
    }
  };
}
