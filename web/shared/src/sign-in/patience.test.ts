import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Problem, Unreachable } from "../api.ts";
import { type Pause, PATIENCE_S, patiently } from "./patience.ts";

const refused = (status: number, retryMs: number | null = 3_000) =>
  new Problem(status, "code", "Title", "Detail", [], retryMs);

let pauses: (Pause | null)[];
let stop: AbortController;

beforeEach(() => {
  vi.useFakeTimers();
  pauses = [];
  stop = new AbortController();
});

afterEach(() => {
  vi.useRealTimers();
});

const start = (send: (signal: AbortSignal) => Promise<string>, more: object = {}) =>
  patiently(send, { signal: stop.signal, onPause: (pause) => pauses.push(pause), random: () => 0, ...more });

describe("a sign-in without a place", () => {
  test("counts down, and is sent again", async () => {
    const send = vi.fn().mockRejectedValueOnce(refused(503)).mockResolvedValue("in");
    const done = start(send);
    await vi.advanceTimersByTimeAsync(2_999);
    expect(send).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await done).toBe("in");
    const [three, two, one, now] = [3, 2, 1, 0].map((seconds) => ({ reason: "busy", seconds }));
    expect(pauses).toEqual([three, two, one, now, null]);
  });

  test("does not come back together with all others", async () => {
    const send = vi.fn().mockRejectedValueOnce(refused(503)).mockResolvedValue("in");
    const done = start(send, { random: () => 1 });
    await vi.advanceTimersByTimeAsync(4_999);
    expect(send).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await done).toBe("in");
  });

  test("gives up after five minutes, with the last refusal", async () => {
    const send = vi.fn().mockRejectedValue(refused(503));
    const done = start(send).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(PATIENCE_S * 1_000);
    expect(await done).toMatchObject({ status: 503 });
    expect(send).toHaveBeenCalledTimes(PATIENCE_S / 3 + 1);
  });

  test("is never sent again after the user stopped it", async () => {
    const send = vi.fn().mockRejectedValue(refused(503));
    const done = start(send);
    await vi.advanceTimersByTimeAsync(1_500);
    stop.abort();
    expect(await done).toBeNull();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(send).toHaveBeenCalledTimes(1);
    expect(pauses.at(-1)).toBeNull();
  });

  test("that is stopped while it is sent shows no error", async () => {
    const done = start(
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted")))),
    );
    stop.abort();
    expect(await done).toBeNull();
  });
});

describe("a limited sign-in", () => {
  test("by password waits until it is allowed", async () => {
    const send = vi.fn().mockRejectedValueOnce(refused(429)).mockResolvedValue("in");
    const done = start(send, { untilAllowed: true });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await done).toBe("in");
    expect(pauses[0]).toEqual({ reason: "limited", seconds: 3 });
  });

  test("by code is not repeated: the code is not valid", async () => {
    await expect(start(vi.fn().mockRejectedValue(refused(429)))).rejects.toMatchObject({ status: 429 });
  });

  test("for longer than the patience lasts is refused at once", async () => {
    const done = start(vi.fn().mockRejectedValue(refused(429, 301_000)), { untilAllowed: true });
    await expect(done).rejects.toMatchObject({ status: 429 });
  });
});

test.each([refused(401), refused(503, null), new Unreachable()])(
  "any other failure is thrown at once: %s",
  async (error) => {
    const send = vi.fn().mockRejectedValue(error);
    await expect(start(send, { untilAllowed: true })).rejects.toBe(error);
    expect(send).toHaveBeenCalledTimes(1);
  },
);
