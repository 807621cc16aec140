import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeWebSocket } from "./testing.ts";
import { SignedOut, SUBPROTOCOL, TicketSocket } from "./ticket-socket.ts";

let events: string[] = [];
let tickets: (() => Promise<string>)[] = [];

function makeSocket(openMs?: number): TicketSocket {
  return new TicketSocket(
    "wss://hub/ws/monitor",
    () => (tickets.shift() ?? (() => Promise.resolve("ticket")))(),
    {
      onOpen: (ticket) => events.push(`open ${ticket}`),
      onText: (text) => events.push(`text ${text}`),
      onClose: (code, { isSignedOut }) => events.push(`close ${code}${isSignedOut ? " signed out" : ""}`),
    },
    openMs,
  );
}

beforeEach(() => {
  events = [];
  tickets = [];
  FakeWebSocket.reset();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("opens with a ticket, sends and receives text", async () => {
  const socket = makeSocket();
  await socket.open();
  const { last } = FakeWebSocket;
  expect([last.url, last.protocol]).toEqual(["wss://hub/ws/monitor", SUBPROTOCOL]);
  expect(socket.isOpen).toBe(false);
  socket.send("too early");
  last.open();
  expect(socket.isOpen).toBe(true);
  socket.send("hello");
  last.receive("welcome");
  last.receive(new ArrayBuffer(1));
  expect(last.sent).toEqual(["hello"]);
  expect(events).toEqual(["open ticket", "text welcome"]);
});

test("reports the close code once, and that no one is connected any more", async () => {
  const socket = makeSocket();
  await socket.open();
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(4505);
  socket.send("lost");
  expect(events).toEqual(["open ticket", "close 4505"]);
  expect(FakeWebSocket.last.sent).toEqual([]);
});

test("tells a failed ticket from a user who is signed out", async () => {
  tickets = [() => Promise.reject(new Error("away")), () => Promise.reject(new SignedOut())];
  const socket = makeSocket();
  await socket.open();
  await socket.open();
  expect(events).toEqual(["close 1006", "close 1006 signed out"]);
  expect(FakeWebSocket.sockets).toEqual([]);
});

test("gives up a socket that does not open in time, and ignores its later events", async () => {
  const socket = makeSocket(3_000);
  await socket.open();
  vi.advanceTimersByTime(2_999);
  expect(events).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(events).toEqual(["close 1006"]);
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(1006);
  expect(events).toEqual(["close 1006"]);
});

test("an open socket has no time limit", async () => {
  await makeSocket(3_000).open();
  FakeWebSocket.last.open();
  vi.advanceTimersByTime(60_000);
  expect(events).toEqual(["open ticket"]);
});

test("cut closes without an event, with the code that was given", async () => {
  const socket = makeSocket();
  await socket.open();
  FakeWebSocket.last.open();
  socket.cut(1000);
  FakeWebSocket.last.end(1000);
  vi.advanceTimersByTime(60_000);
  expect(FakeWebSocket.last.closedWith).toEqual([1000]);
  expect(events).toEqual(["open ticket"]);
});

test("cut while the ticket is on its way opens no socket", async () => {
  let give = (_: string) => {};
  tickets = [() => new Promise((resolve) => (give = resolve))];
  const socket = makeSocket();
  const opening = socket.open();
  socket.cut();
  give("late");
  await opening;
  expect(FakeWebSocket.sockets).toEqual([]);
  expect(events).toEqual([]);
});

test("a second open replaces the first socket", async () => {
  const socket = makeSocket();
  await socket.open();
  const first = FakeWebSocket.last;
  await socket.open();
  FakeWebSocket.last.open();
  first.open();
  first.end(1006);
  expect(FakeWebSocket.sockets).toHaveLength(2);
  expect(events).toEqual(["open ticket"]);
});
