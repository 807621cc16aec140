import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startTimer } from "./timer.ts";

class FakeWorker {
  static last: FakeWorker;
  onmessage: (() => void) | null = null;
  onerror: (() => void) | null = null;
  terminate = vi.fn();

  constructor() {
    FakeWorker.last = this;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("the worker ticks, until the timer is stopped", () => {
  vi.stubGlobal("Worker", FakeWorker);
  const tick = vi.fn();
  const stop = startTimer(tick);
  FakeWorker.last.onmessage?.();
  vi.advanceTimersByTime(2_000);
  expect(tick).toHaveBeenCalledTimes(1);
  stop();
  expect(FakeWorker.last.terminate).toHaveBeenCalled();
});

test("a worker that fails is replaced by a timer of the page, once", () => {
  vi.stubGlobal("Worker", FakeWorker);
  const tick = vi.fn();
  const stop = startTimer(tick);
  FakeWorker.last.onerror?.();
  FakeWorker.last.onerror?.();
  vi.advanceTimersByTime(1_000);
  expect(tick).toHaveBeenCalledTimes(2);
  stop();
  vi.advanceTimersByTime(1_000);
  expect(tick).toHaveBeenCalledTimes(2);
});

test("without workers the page's own timer ticks", () => {
  vi.stubGlobal("Worker", undefined);
  const tick = vi.fn();
  const stop = startTimer(tick);
  vi.advanceTimersByTime(1_000);
  expect(tick).toHaveBeenCalledTimes(2);
  stop();
});
