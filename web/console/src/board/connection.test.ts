import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Console } from "./connection.ts";
import { EXAM, FakeFeed, seeded } from "./testing.ts";

/** A socket whose other end is the test. */
class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 1;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly said: Record<string, unknown>[] = [];

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }
  send(data: string): void {
    this.said.push(JSON.parse(data) as Record<string, unknown>);
  }
  close(): void {
    this.readyState = 3;
  }
  hear(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  cut(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  welcome(): void {
    this.onopen?.();
    this.hear({
      t: "welcome",
      user_id: "u",
      name: "Ada",
      server_at: Date.now(),
      heartbeat_ms: 10_000,
      auth_until: Date.now() + 900_000,
    });
  }
  last(t: string): Record<string, unknown> | undefined {
    return this.said.filter((frame) => frame.t === t).at(-1);
  }
}

const SIGNED = {
  getTicket: async () => "ticket",
  getToken: async () => ({ token: "token", until: Date.now() + 900_000 }),
  isFinal: () => false,
};

const newest = (): FakeSocket => FakeSocket.all.at(-1) as FakeSocket;
const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);

describe("the console's socket", () => {
  let teacher: Console;
  const feed = new FakeFeed(seeded(9));

  beforeEach(async () => {
    vi.useFakeTimers();
    FakeSocket.all = [];
    vi.stubGlobal("WebSocket", FakeSocket);
    teacher = new Console("ws://hub/ws/console", SIGNED);
    teacher.open(EXAM.exam_id);
    await settle();
  });
  afterEach(() => {
    teacher.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("says hello with a ticket, then watches from the start", () => {
    newest().welcome();
    expect(newest().said[0]).toEqual({ t: "hello", ticket: "ticket" });
    expect(newest().last("watch")).toEqual({ t: "watch", exam_id: EXAM.exam_id, since: null });
    expect(teacher.link.value).toEqual({ kind: "live" });
  });

  it("comes back by itself after a cut, and goes on from where it was", async () => {
    newest().welcome();
    for (let n = 0; n < 12; n += 1) feed.step();
    for (const part of feed.snapshot(2)) newest().hear(part);
    newest().hear(feed.step());
    newest().cut(1006);
    expect(teacher.link.value.kind).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(FakeSocket.all).toHaveLength(2);
    newest().welcome();
    expect(newest().last("watch")).toMatchObject({ since: { epoch: feed.epoch, offset: feed.offset } });
  });

  it("gives a command again under the id it had, and once it is answered no more", async () => {
    newest().welcome();
    const result = teacher.order(EXAM.exam_id, { action: "message", to: "all", text: "Hello" });
    const id = newest().last("command")?.id;
    newest().cut(4505);
    await vi.advanceTimersByTimeAsync(1_000);
    newest().welcome();
    expect(newest().last("command")).toMatchObject({ id, text: "Hello" });
    newest().hear({ t: "result", id, outcomes: [{ attempt_id: "a", ok: true }], code: null, detail: null });
    expect((await result).outcomes).toHaveLength(1);
    newest().cut(1006);
    await vi.advanceTimersByTimeAsync(2_000);
    newest().welcome();
    expect(newest().last("command")).toBeUndefined();
  });

  it("says that it does not know what became of a command nobody answers", async () => {
    newest().welcome();
    const result = teacher
      .order(EXAM.exam_id, { action: "message", to: "all", text: "Hello" })
      .catch((error: Error) => error.name);
    await vi.advanceTimersByTimeAsync(4_000);
    newest().hear({ t: "pong", at: 1, server_at: Date.now() });
    await vi.advanceTimersByTimeAsync(17_000);
    expect(await result).toBe("Unanswered");
  });

  it("stays away after a close that means no", async () => {
    newest().welcome();
    newest().cut(4403);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(teacher.link.value).toMatchObject({ kind: "over", code: 4403 });
  });

  it("asks a silent hub whether it is there, and leaves one that does not answer", async () => {
    newest().welcome();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(newest().last("ping")).toBeDefined();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeSocket.all.length).toBeGreaterThan(1);
    expect(teacher.ageMs.value).toBeGreaterThanOrEqual(13_000);
  });

  it("renews its sign-in in band before it ends", async () => {
    newest().welcome();
    for (let s = 0; s < 845; s += 5) {
      await vi.advanceTimersByTimeAsync(5_000);
      newest().hear({ t: "pong", at: 1, server_at: Date.now() });
    }
    expect(FakeSocket.all).toHaveLength(1);
    expect(newest().last("auth")).toEqual({ t: "auth", token: "token" });
  });

  it("watches again after the pause a busy hub asked for", async () => {
    newest().welcome();
    const before = newest().said.length;
    newest().hear({ t: "error", code: "busy", detail: `full; watch ${EXAM.exam_id} again`, retry_ms: 700 });
    await vi.advanceTimersByTimeAsync(750);
    expect(
      newest()
        .said.slice(before)
        .some((frame) => frame.t === "watch"),
    ).toBe(true);
  });
});
