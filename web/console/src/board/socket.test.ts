import { FakeWebSocket } from "@veritas/shared/socket/testing.ts";
import { SignedOut } from "@veritas/shared/socket/ticket-socket.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConsoleSocket, renewInMs, type SocketState } from "./socket.ts";

const PONG = JSON.stringify({ t: "pong", at: 1, server_at: 1 });

function welcome(): void {
  FakeWebSocket.last.readyState = FakeWebSocket.OPEN;
  FakeWebSocket.last.onopen?.();
  const frame = { t: "welcome", user_id: "u", name: "Ada", server_at: Date.now(), heartbeat_ms: 10_000 };
  FakeWebSocket.last.onmessage?.({ data: JSON.stringify({ ...frame, auth_until: Date.now() + 900_000 }) });
}

const kindsSent = (): string[] => FakeWebSocket.last.sent.map((text) => (JSON.parse(text) as { t: string }).t);

describe("the console's socket", () => {
  let socket: ConsoleSocket;
  let states: SocketState[];
  let getTicket: () => Promise<string>;

  beforeEach(async () => {
    vi.useFakeTimers();
    FakeWebSocket.reset();
    vi.stubGlobal("WebSocket", FakeWebSocket);
    states = [];
    getTicket = async () => "ticket";
    const credentials = {
      getTicket: () => getTicket(),
      getToken: async () => ({ token: "token", until: Date.now() + 900_000 }),
    };
    socket = new ConsoleSocket("ws://hub/ws/console", credentials, {
      onState: (state) => states.push(state),
      onWelcome: () => undefined,
      onFrame: () => undefined,
    });
    socket.start();
    await vi.advanceTimersByTimeAsync(0);
  });
  afterEach(() => {
    socket.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("sends a ping when no frame was received, and leaves a hub that does not answer", async () => {
    welcome();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(kindsSent()).toContain("ping");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeWebSocket.sockets.length).toBeGreaterThan(1);
  });

  it("leaves a hub that sends no welcome", async () => {
    FakeWebSocket.last.readyState = FakeWebSocket.OPEN;
    FakeWebSocket.last.onopen?.();
    await vi.advanceTimersByTimeAsync(12_000);
    expect(FakeWebSocket.sockets.length).toBeGreaterThan(1);
  });

  it("renews the sign-in before it ends", async () => {
    welcome();
    for (let s = 0; s < 845; s += 5) {
      await vi.advanceTimersByTimeAsync(5_000);
      FakeWebSocket.last.onmessage?.({ data: PONG });
    }
    expect(FakeWebSocket.sockets).toHaveLength(1);
    expect(kindsSent()).toContain("auth");
  });

  it("closes when the user is signed out, until the user signs in again", async () => {
    welcome();
    getTicket = async () => {
      throw new SignedOut();
    };
    FakeWebSocket.last.onclose?.({ code: 4419 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states.at(-1)).toMatchObject({ kind: "closed", code: 4401 });
    expect(FakeWebSocket.sockets).toHaveLength(1);
    getTicket = async () => "ticket";
    socket.signedInAgain();
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeWebSocket.sockets).toHaveLength(2);
  });

  it("connects at once when the network is back", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    welcome();
    FakeWebSocket.last.onclose?.({ code: 1006 });
    expect(socket.state.kind).toBe("waiting");
    dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeWebSocket.sockets).toHaveLength(2);
  });

  it("sends bye when it stops, and drops frames before the welcome", () => {
    socket.send({ t: "watch" });
    expect(kindsSent()).toEqual([]);
    welcome();
    socket.stop();
    expect(kindsSent()).toEqual(["hello", "bye"]);
    expect(FakeWebSocket.last.closedWith).toEqual([1000]);
  });
});

describe("the renewal of a sign-in", () => {
  it("comes a minute before the end, at half of a short time, and never in a tight loop", () => {
    expect(renewInMs(15 * 60_000)).toBe(14 * 60_000);
    expect(renewInMs(60_000)).toBe(30_000);
    expect(renewInMs(500)).toBe(1_000);
    expect(renewInMs(-5_000)).toBe(1_000);
  });
});
