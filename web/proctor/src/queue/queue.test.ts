import { describe, expect, test } from "vitest";
import { DEFAULT_LIMITS, type Event } from "../session/frames.ts";
import { CandidateQueue, ProtocolError, LINGER_MS } from "./queue.ts";

const WINDOW = { events: 1_000, bytes: 512 * 1024 };
const event = (n: number): Event => ({ type: "paste", at: n, mono: n, data: { chars: n } });

function opened(most = 20_000, bytes = 1_000_000): CandidateQueue {
  const queue = new CandidateQueue("boot", most, bytes);
  queue.resume("one", 0, WINDOW, DEFAULT_LIMITS);
  return queue;
}

function fill(queue: CandidateQueue, count: number, size = 50): void {
  for (let n = 1; n <= count; n++) queue.record(event(n), size, 0);
}

describe("seqs", () => {
  test("start at 1, have no gaps, and are sent in order", () => {
    const queue = opened();
    fill(queue, 3);
    expect(queue.take()).toEqual({ t: "events", first_seq: 1, events: [event(1), event(2), event(3)] });
    expect(queue.take()).toBeNull();
  });

  test("leave the queue only when they are acknowledged", () => {
    const queue = opened();
    fill(queue, 3);
    queue.take();
    expect(queue.acknowledge(2).map((entry) => entry.seq)).toEqual([1, 2]);
    expect(queue.length).toBe(1);
  });

  test("an acknowledgement of an unsent seq breaks the protocol, an old one changes nothing", () => {
    const queue = opened();
    fill(queue, 2);
    queue.take();
    expect(() => queue.acknowledge(3)).toThrow(ProtocolError);
    queue.acknowledge(2);
    expect(queue.acknowledge(1)).toEqual([]);
  });
});

describe("the window", () => {
  test("limits what is outstanding, in events and in bytes", () => {
    const queue = opened();
    queue.setWindow(2, 1_000);
    fill(queue, 3);
    expect(queue.take()).toMatchObject({ first_seq: 1, events: [{}, {}] });
    expect(queue.waitMs(1_000)).toBeNull();
    queue.acknowledge(1);
    expect(queue.take()).toMatchObject({ first_seq: 3 });
  });

  test("of 0 stops sending until the next one", () => {
    const queue = opened();
    queue.setWindow(0, 0);
    fill(queue, 1);
    expect(queue.take()).toBeNull();
    queue.setWindow(10, 1_000);
    expect(queue.take()).toMatchObject({ first_seq: 1 });
  });

  test("lets an event pass that is larger than the window, when nothing is outstanding", () => {
    const queue = opened();
    queue.setWindow(10, 10);
    fill(queue, 2, 500);
    expect(queue.take()).toMatchObject({ events: [{}] });
    expect(queue.take()).toBeNull();
  });

  test("lets the first event pass at once, and the next ones wait a moment to share a frame", () => {
    const queue = opened();
    fill(queue, 1);
    expect(queue.waitMs(0)).toBe(0);
    queue.take();
    fill(queue, 1);
    expect(queue.waitMs(0)).toBe(LINGER_MS);
    expect(queue.waitMs(LINGER_MS)).toBe(0);
  });

  test("never makes a frame that is too large for the hub", () => {
    const queue = opened();
    fill(queue, 5, 20_000);
    expect(queue.take()).toMatchObject({ events: [{}, {}, {}] });
  });
});

describe("a reconnection", () => {
  test("continues after what the hub has stored", () => {
    const queue = opened();
    fill(queue, 4);
    queue.take();
    queue.disconnect();
    const { removed } = queue.resume("one", 2, WINDOW, DEFAULT_LIMITS);
    expect(removed.map((entry) => entry.seq)).toEqual([1, 2]);
    expect(queue.take()).toMatchObject({ first_seq: 3, events: [event(3), event(4)] });
  });

  test("reports what the hub has lost after acknowledging it", () => {
    const queue = opened();
    fill(queue, 4);
    queue.take();
    queue.acknowledge(4);
    queue.disconnect();
    queue.resume("one", 1, WINDOW, DEFAULT_LIMITS);
    expect(queue.take()).toEqual({ t: "lost", to_seq: 4, reason: "server_lost" });
  });

  test("gives the rest new seqs in a new stream, after what the old one has stored", () => {
    const queue = opened();
    fill(queue, 5);
    queue.take();
    queue.disconnect();
    const { isRenumbered } = queue.resume("two", 0, WINDOW, DEFAULT_LIMITS, { stream: "one", committed: 3 });
    expect(isRenumbered).toBe(true);
    expect(queue.take()).toEqual({ t: "events", first_seq: 1, events: [event(4), event(5)] });
    expect([...queue.entries()].map((entry) => entry.key)).toEqual([4, 5]);
  });

  test("drops nothing on a claim that is not possible", () => {
    const queue = opened();
    fill(queue, 2);
    queue.take();
    queue.disconnect();
    queue.resume("two", 0, WINDOW, DEFAULT_LIMITS, { stream: "one", committed: 9 });
    expect(queue.take()).toMatchObject({ first_seq: 1, events: [event(1), event(2)] });
  });

  test("waits for everything to be acknowledged when the stream is a day old", () => {
    const queue = opened();
    fill(queue, 1);
    queue.take();
    fill(queue, 1);
    queue.rotate();
    expect(queue.take()).toBeNull();
    expect(queue.hasRotated).toBe(false);
    queue.acknowledge(1);
    expect(queue.hasRotated).toBe(true);
  });
});

describe("a full queue", () => {
  test("drops the oldest event that was never sent, and reports its seq as lost", () => {
    const queue = opened(4);
    fill(queue, 2);
    queue.take();
    fill(queue, 2);
    const { dropped } = queue.record(event(9), 50, 0);
    expect(dropped.map((entry) => entry.seq)).toEqual([3]);
    expect(queue.droppedTotal).toBe(1);
    queue.acknowledge(2);
    expect(queue.take()).toEqual({ t: "lost", to_seq: 3, reason: "overflow" });
    expect(queue.take()).toMatchObject({ first_seq: 4, events: [{}, event(9)] });
  });

  test("joins adjacent losses into one span", () => {
    const queue = new CandidateQueue("boot", 1);
    fill(queue, 5);
    queue.resume("one", 0, WINDOW, DEFAULT_LIMITS);
    expect(queue.take()).toEqual({ t: "lost", to_seq: 4, reason: "overflow" });
    expect(queue.take()).toMatchObject({ first_seq: 5 });
    expect(queue.acknowledge(5).map((entry) => [entry.seq, entry.count])).toEqual([
      [4, 4],
      [5, 1],
    ]);
  });
});

describe("a queue with storage", () => {
  const state = { boot: "boot", stream: "one", acked: 2, nextSeq: 6, shift: 10, sentEver: 4 };

  test("sends no seq before it is stored", () => {
    const queue = opened();
    queue.clear(0);
    fill(queue, 2);
    expect(queue.take()).toBeNull();
    queue.clear(1);
    expect(queue.take()).toMatchObject({ first_seq: 1, events: [{}] });
  });

  test("continues after a reload, lost slots included", () => {
    const sizes = new Map([13, 14, 15].map((key) => [key, 50]));
    const queue = CandidateQueue.restore(state, sizes);
    expect(queue.length).toBe(3);
    expect(
      queue.decrypt(
        new Map([
          [13, event(3)],
          [15, event(5)],
        ]),
      ),
    ).toEqual([14]);
    queue.resume("one", 2, WINDOW, DEFAULT_LIMITS);
    expect(queue.take()).toEqual({ t: "events", first_seq: 3, events: [event(3)] });
    expect(queue.take()).toEqual({ t: "lost", to_seq: 4, reason: "overflow" });
    expect(queue.take()).toEqual({ t: "events", first_seq: 5, events: [event(5)] });
  });

  test("says the stored next seq in hello, so that the hub detects a rollback", () => {
    const queue = CandidateQueue.restore(state, new Map());
    queue.decrypt(new Map());
    fill(queue, 3);
    expect(queue.nextSeqForHello).toBe(6);
    queue.resume("one", 5, WINDOW, DEFAULT_LIMITS, null);
    expect(queue.nextSeqForHello).toBe(9);
  });

  test("drops no slot that may have been sent", () => {
    const sizes = new Map([13, 14, 15].map((key) => [key, 50]));
    const queue = CandidateQueue.restore(state, sizes, 3);
    queue.decrypt(new Map([13, 14, 15].map((key) => [key, event(key)])));
    expect(queue.record(event(1), 50, 0).dropped.map((entry) => entry.seq)).toEqual([5]);
  });
});

test("in any order of operations every seq is sent, acknowledged or lost exactly once, and no event changes its seq", () => {
  // A deterministic walk through all operations; the seed makes a failure repeatable.
  for (let seed = 1; seed <= 60; seed++) walk(seed);
});

function walk(seed: number): void {
  let state = seed;
  const draw = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  const queue = new CandidateQueue("boot", 8, 10_000);
  const stored: (number | null)[] = [];
  let made = 0;
  let isOpen = false;
  const deliver = () => {
    for (let frame = queue.take(); frame !== null; frame = queue.take()) {
      if (frame.t === "lost") while (stored.length < frame.to_seq) stored.push(null);
      else {
        frame.events.forEach((entry, index) => {
          const at = frame.first_seq - 1 + index;
          if (at < stored.length) expect(stored[at]).toBe(entry.at);
          else {
            expect(at).toBe(stored.length);
            stored.push(entry.at);
          }
        });
      }
    }
  };
  for (let step = 0; step < 200; step++) {
    const move = draw(5);
    if (move <= 1) queue.record(event(++made), 10, step);
    else if (move === 2 && isOpen) deliver();
    else if (move === 3 && isOpen) queue.acknowledge(queue.acked + draw(stored.length - queue.acked + 1));
    else if (move === 4) {
      if (isOpen) queue.disconnect();
      else queue.resume("one", stored.length, { events: 1 + draw(4), bytes: 1_000 }, DEFAULT_LIMITS);
      isOpen = !isOpen;
    }
  }
  if (!isOpen) queue.resume("one", stored.length, WINDOW, DEFAULT_LIMITS);
  queue.setWindow(1_000, 100_000);
  deliver();
  queue.acknowledge(stored.length);
  expect(queue.length).toBe(0);
  const delivered = stored.filter((entry) => entry !== null);
  expect(delivered).toEqual([...delivered].sort((a, b) => Number(a) - Number(b)));
  expect(stored.filter((entry) => entry === null).length).toBe(queue.droppedTotal);
  expect(stored.length).toBe(made);
}

describe("a queue that was set back in time", () => {
  const mark = (seq: number, n = seq) => ({ seq, at: n, mono: n });

  test("marks the first unacknowledged events, the first that was never sent, the last and the last acknowledged", () => {
    const queue = opened();
    fill(queue, 9);
    queue.take();
    queue.acknowledge(4, "proof");
    fill(queue, 3);
    expect(queue.marks().map(({ seq }) => seq)).toEqual([4, 5, 6, 10, 12]);
    expect(queue.state.ackedMac).toBe("proof");
  });

  test("keeps everything when the hub has another event under one of its seqs, and marks that one", () => {
    const queue = opened();
    fill(queue, 9);
    queue.take();
    queue.disconnect();
    expect(queue.isSetBack(mark(7))).toBe(false);
    expect(queue.isSetBack(mark(7, 1_000))).toBe(true);
    expect(queue.length).toBe(9);
    expect(queue.marks()).toContainEqual(mark(7));
    const { removed } = queue.resume("two", 0, WINDOW, DEFAULT_LIMITS, { stream: "one", committed: 0 });
    expect(removed).toEqual([]);
    expect(queue.take()).toMatchObject({ first_seq: 1, events: { length: 9 } });
  });

  test("drops nothing when the hub has opened a new stream without knowing of it", () => {
    const queue = opened();
    fill(queue, 9);
    queue.take();
    const previous = { stream: "one", committed: 7 };
    queue.resume("two", 0, WINDOW, DEFAULT_LIMITS, previous, { last: mark(7, 1_000) });
    expect(queue.length).toBe(9);
  });

  test("accepts that an event is stored that an earlier life has sent", () => {
    const queue = opened();
    fill(queue, 9);
    queue.disconnect();
    const { removed } = queue.resume("one", 7, WINDOW, DEFAULT_LIMITS, null, { last: mark(7), mac: "proof" });
    expect(removed.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(queue.ackedMac).toBe("proof");
  });

  test("says the next seq of the disk, and marks nothing that hello does not cover", () => {
    const state = { boot: "boot", stream: "one", acked: 2, nextSeq: 4, shift: 0, sentEver: 3, ackedMac: "proof" };
    const queue = CandidateQueue.restore(state, new Map([[3, 50]]));
    fill(queue, 2);
    expect(queue.nextSeqForHello).toBe(4);
    expect(queue.marks()).toEqual([]);
    expect(queue.ackedMac).toBe("proof");
  });
});
