import { expect, test } from "vitest";
import { Problem, Unreachable } from "../api.ts";
import { socketUrl, ticketSource } from "./ticket.ts";
import { SignedOut } from "./ticket-socket.ts";

test("the address is on the page's own host, encrypted where the page is", () => {
  expect(socketUrl("/ws/console")).toBe(`ws://${location.host}/ws/console`);
});

test("a ticket is fetched for its purpose", async () => {
  const getTicket = ticketSource({ ticket: (purpose) => Promise.resolve(`for ${purpose}`) }, "console");
  expect(await getTicket()).toBe("for console");
});

test("401 means signed out; any other failure passes through", async () => {
  const failing = (error: Error) => ticketSource({ ticket: () => Promise.reject(error) }, "monitor");
  await expect(failing(new Problem(401, "unauthenticated", "", ""))()).rejects.toBeInstanceOf(SignedOut);
  const away = new Unreachable();
  await expect(failing(away)()).rejects.toBe(away);
});
