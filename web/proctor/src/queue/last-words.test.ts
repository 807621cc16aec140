import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, type Event } from "../session/frames.ts";
import { lastWords } from "./last-words.ts";
import { CandidateQueue } from "./queue.ts";

const event = (text: string): Event => ({ type: "draft_saved", at: 1, mono: 1, data: { item: "q", text } });
const SIZE = 100;

function opened(...texts: string[]): CandidateQueue {
  const queue = new CandidateQueue("boot");
  queue.resume("one", 0, { events: 1_000, bytes: 512 * 1024 }, DEFAULT_LIMITS);
  for (const text of texts) queue.record(event(text), SIZE, 0);
  return queue;
}

describe("the last delivery", () => {
  test("has everything that is not acknowledged, also what was sent and what is not stored on the device", () => {
    const queue = opened("one", "two");
    queue.clear(2);
    queue.take();
    queue.acknowledge(1);
    queue.record(event("three"), SIZE, 0);
    expect(lastWords(queue, 500)).toEqual({ stream: "one", first_seq: 2, events: [event("two"), event("three")] });
  });

  test("is nothing when everything is acknowledged, or no hub has opened a stream", () => {
    const queue = opened("one");
    queue.take();
    queue.acknowledge(1);
    expect(lastWords(queue, 500)).toBeNull();
    const fresh = new CandidateQueue("boot");
    fresh.record(event("one"), SIZE, 0);
    expect(lastWords(fresh, 500)).toBeNull();
  });

  test("that would be too large begins after what was sent on the connection", () => {
    const queue = opened("x".repeat(30_000), "y".repeat(29_000));
    queue.take();
    queue.record(event("z".repeat(20_000)), SIZE, 0);
    expect(lastWords(queue, 500)).toMatchObject({ first_seq: 3, events: [event("z".repeat(20_000))] });
  });

  test("takes the oldest events that fit, because seqs have no gap", () => {
    const queue = opened("x".repeat(30_000), "y".repeat(20_000), "z".repeat(20_000));
    expect(lastWords(queue, 500)).toMatchObject({ first_seq: 1, events: [{}, {}] });
    expect(lastWords(queue, 1)).toMatchObject({ first_seq: 1, events: [{}] });
  });

  test("names lost seqs before its events", () => {
    const queue = new CandidateQueue("boot", 2);
    queue.resume("one", 0, { events: 1_000, bytes: 512 * 1024 }, DEFAULT_LIMITS);
    for (const text of ["one", "two", "three"]) queue.record(event(text), SIZE, 0);
    expect(lastWords(queue, 500)).toEqual({
      stream: "one",
      lost: { to_seq: 1, reason: "overflow" },
      first_seq: 2,
      events: [event("two"), event("three")],
    });
  });

  test("may be acknowledged by the next welcome, although the connection never sent it", () => {
    const queue = opened("one", "two");
    queue.clear(0);
    queue.sentByRequest(2);
    queue.resume("one", 2, { events: 1_000, bytes: 512 * 1024 }, DEFAULT_LIMITS);
    expect(queue.length).toBe(0);
  });
});
