import { FakeWebSocket } from "@veritas/shared/socket/testing.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConsoleConnection } from "./connection.ts";
import { EXAM, FakeFeed, seeded } from "./testing.ts";

const CREDENTIALS = {
  getTicket: async () => "ticket",
  getToken: async () => ({ token: "token", until: Date.now() + 900_000 }),
};

type Frame = Record<string, unknown>;

const sent = (): Frame[] => FakeWebSocket.last.sent.map((text) => JSON.parse(text) as Frame);
const lastSent = (t: string): Frame | undefined =>
  sent()
    .filter((frame) => frame.t === t)
    .at(-1);
const receive = (frame: object): void => FakeWebSocket.last.onmessage?.({ data: JSON.stringify(frame) });

function welcome(): void {
  FakeWebSocket.last.readyState = FakeWebSocket.OPEN;
  FakeWebSocket.last.onopen?.();
  const now = Date.now();
  const times = { server_at: now, heartbeat_ms: 10_000, auth_until: now + 900_000 };
  receive({ t: "welcome", user_id: "u", name: "Ada", ...times });
}

function close(code: number): void {
  FakeWebSocket.last.readyState = 3;
  FakeWebSocket.last.onclose?.({ code });
}

describe("the console's connection", () => {
  let connection: ConsoleConnection;
  const feed = new FakeFeed(seeded(9));

  beforeEach(async () => {
    vi.useFakeTimers();
    FakeWebSocket.reset();
    vi.stubGlobal("WebSocket", FakeWebSocket);
    connection = new ConsoleConnection("ws://hub/ws/console", CREDENTIALS);
    connection.open(EXAM.exam_id);
    await vi.advanceTimersByTimeAsync(0);
  });
  afterEach(() => {
    connection.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("sends hello with a ticket, then watches from the start", () => {
    welcome();
    expect(sent()[0]).toEqual({ t: "hello", ticket: "ticket" });
    expect(lastSent("watch")).toEqual({ t: "watch", exam_id: EXAM.exam_id, since: null });
    expect(connection.state.value).toEqual({ kind: "live" });
  });

  it("connects again after a loss, and watches from the last offset", async () => {
    welcome();
    for (let n = 0; n < 12; n += 1) feed.step();
    for (const part of feed.snapshot(2)) receive(part);
    receive(feed.step());
    close(1006);
    expect(connection.state.value.kind).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeWebSocket.sockets).toHaveLength(2);
    welcome();
    expect(lastSent("watch")).toMatchObject({ since: { epoch: feed.epoch, offset: feed.offset } });
  });

  it("sends a command again under its id until there is a result", async () => {
    welcome();
    const result = connection.command(EXAM.exam_id, { action: "message", to: "all", text: "Hello" });
    const id = lastSent("command")?.id;
    close(4505);
    await vi.advanceTimersByTimeAsync(1_000);
    welcome();
    expect(lastSent("command")).toMatchObject({ id, text: "Hello" });
    receive({ t: "result", id, outcomes: [{ attempt_id: "a", ok: true }], code: null, detail: null });
    expect((await result).outcomes).toHaveLength(1);
    close(1006);
    await vi.advanceTimersByTimeAsync(2_000);
    welcome();
    expect(lastSent("command")).toBeUndefined();
  });

  it("reports a command without a result", async () => {
    welcome();
    const result = connection
      .command(EXAM.exam_id, { action: "message", to: "all", text: "Hello" })
      .catch((error: Error) => error.name);
    await vi.advanceTimersByTimeAsync(4_000);
    receive({ t: "pong", at: 1, server_at: Date.now() });
    await vi.advanceTimersByTimeAsync(17_000);
    expect(await result).toBe("NoResult");
  });

  it("does not connect again after a final close code", async () => {
    welcome();
    close(4403);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeWebSocket.sockets).toHaveLength(1);
    expect(connection.state.value).toMatchObject({ kind: "closed", code: 4403 });
  });

  it("watches again after the pause that a busy hub requested for this exam", async () => {
    welcome();
    const before = sent().length;
    receive({ t: "error", code: "busy", detail: "full", retry_ms: 700, exam_id: EXAM.exam_id });
    await vi.advanceTimersByTimeAsync(750);
    expect(
      sent()
        .slice(before)
        .map((frame) => frame.t),
    ).toContain("watch");
  });

  it("marks a board as refused by the exam id of the error, never by its text", () => {
    welcome();
    const board = connection.open(EXAM.exam_id);
    receive({ t: "error", code: "forbidden", detail: `no exam ${EXAM.exam_id}` });
    receive({ t: "error", code: "forbidden", detail: "no such exam", exam_id: "another" });
    expect(board.refused.value).toBeNull();
    receive({ t: "error", code: "forbidden", detail: "no such exam", exam_id: EXAM.exam_id });
    expect(board.refused.value).toBe("no such exam");
  });

  it("sends a focus only when it changes, and again after a reconnection", async () => {
    welcome();
    connection.focus(EXAM.exam_id, [1, 2]);
    connection.focus(EXAM.exam_id, [1, 2]);
    expect(sent().filter((frame) => frame.t === "focus")).toEqual([{ t: "focus", exam_id: EXAM.exam_id, ix: [1, 2] }]);
    close(1006);
    await vi.advanceTimersByTimeAsync(1_000);
    welcome();
    expect(lastSent("focus")).toMatchObject({ ix: [1, 2] });
  });
});
