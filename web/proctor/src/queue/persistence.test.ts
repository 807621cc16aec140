import "fake-indexeddb/auto";
import { beforeEach, describe, expect, test } from "vitest";
import { QueueClock } from "../session/clock.ts";
import { DEFAULT_LIMITS, type Event, type Welcome } from "../session/frames.ts";
import { QueuePersistence } from "./persistence.ts";
import { Store } from "./store.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER = "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const WINDOW = { events: 1_000, bytes: 512 * 1024 };
const event = (text: string): Event => ({ type: "draft_saved", at: 1, mono: 1, data: { item: "q", text } });
const welcome = (queue_key: string, more: Partial<Welcome> = {}): Welcome => ({
  t: "welcome",
  stream: "one",
  committed: 0,
  rejected: [],
  previous: null,
  window: WINDOW,
  limits: DEFAULT_LIMITS,
  heartbeat_ms: 10_000,
  server_at: 0,
  attempt: { status: "in_progress", deadline: null, paused: false },
  auth_until: 0,
  queue_key,
  upload_token: "",
  mac: "",
  last: null,
  ...more,
});

let attempt = "";
beforeEach(() => {
  attempt = `attempt-${Math.random()}`;
});

/** One load of the page, with its persistence and a clock that has no effect here. */
class Load {
  stored: number[] = [];
  private readonly clock = new QueueClock(1_000);
  private constructor(readonly persistence: QueuePersistence) {}

  static async of(attemptId: string): Promise<Load> {
    const stored: number[] = [];
    const load = new Load(await QueuePersistence.open(attemptId, (seq) => load.clear(seq)));
    load.stored = stored;
    return load;
  }

  private clear(seq: number): void {
    this.stored.push(seq);
    this.persistence.queue.clear(seq);
  }

  async greet(answer: Welcome): Promise<void> {
    await this.persistence.decrypt(answer);
    const { stream, committed, previous } = answer;
    this.persistence.queue.resume(stream, committed, WINDOW, DEFAULT_LIMITS, previous);
  }

  record(text: string): void {
    const { queue } = this.persistence;
    this.persistence.recorded(queue.nextSeq + queue.shift, event(text), 60);
    queue.record(event(text), 60, 0);
  }

  keep(maySend = true): Promise<void> {
    return this.persistence.store(this.clock, () => maySend);
  }
}

describe("a stored queue", () => {
  test("continues after a reload, under the same boot", async () => {
    const first = await Load.of(attempt);
    await first.greet(welcome(KEY));
    first.record("one");
    first.record("two");
    await first.keep();
    expect(first.stored).toEqual([2]);
    const second = await Load.of(attempt);
    expect(second.persistence.queue.boot).toBe(first.persistence.queue.boot);
    expect(second.persistence.queue.nextSeqForHello).toBe(3);
    await second.greet(welcome(KEY, { committed: 1 }));
    expect(second.persistence.queue.take() ?? second.persistence.queue.clear(2)).toEqual({
      t: "events",
      first_seq: 2,
      events: [event("two")],
    });
  });

  test("is being stored until what was recorded is on the disk, also without a connection", async () => {
    const load = await Load.of(attempt);
    await load.greet(welcome(KEY));
    expect(load.persistence.isStoring).toBe(false);
    load.record("one");
    expect(load.persistence.isStoring).toBe(true);
    const keeping = load.keep(false);
    expect(load.persistence.isStoring).toBe(true);
    await keeping;
    expect(load.persistence.isStoring).toBe(false);
  });

  test("sends nothing that is not stored", async () => {
    const load = await Load.of(attempt);
    await load.greet(welcome(KEY));
    load.record("one");
    expect(load.persistence.queue.take()).toBeNull();
    await load.keep();
    expect(load.persistence.queue.take()).toMatchObject({ first_seq: 1 });
  });

  test("contains nothing readable", async () => {
    const load = await Load.of(attempt);
    await load.greet(welcome(KEY));
    load.record("a secret answer");
    await load.keep();
    const loaded = await (await Store.open(attempt))?.load();
    const bytes = [...(loaded?.events.values() ?? [])].map((entry) => new TextDecoder().decode(entry.box)).join();
    expect(loaded?.events.size).toBe(1);
    expect(bytes).not.toContain("secret");
  });

  test("deletes what the hub has acknowledged", async () => {
    const load = await Load.of(attempt);
    await load.greet(welcome(KEY));
    load.record("one");
    load.record("two");
    await load.keep();
    load.persistence.queue.take();
    load.persistence.queue.acknowledge(1);
    await load.keep();
    const loaded = await (await Store.open(attempt))?.load();
    expect([...(loaded?.events.keys() ?? [])]).toEqual([2]);
    expect(loaded?.state.acked).toBe(1);
  });

  test("that cannot be decrypted is reported as lost, seq by seq", async () => {
    const first = await Load.of(attempt);
    await first.greet(welcome(KEY));
    first.record("one");
    await first.keep();
    const second = await Load.of(attempt);
    await second.greet(welcome(OTHER));
    expect(second.persistence.queue.droppedTotal).toBe(1);
    await second.keep();
    expect(second.persistence.queue.take()).toEqual({ t: "lost", to_seq: 1, reason: "overflow" });
  });

  test("keeps its keys when a new stream gives it new seqs", async () => {
    const first = await Load.of(attempt);
    await first.greet(welcome(KEY));
    first.record("one");
    first.record("two");
    await first.keep();
    first.persistence.queue.take();
    first.persistence.queue.disconnect();
    await first.greet(welcome(KEY, { stream: "other", previous: { stream: "one", committed: 1 } }));
    first.record("three");
    await first.keep();
    const second = await Load.of(attempt);
    await second.greet(welcome(KEY, { stream: "other" }));
    expect([...second.persistence.queue.entries()].map((entry) => [entry.seq, entry.event])).toEqual([
      [1, event("two")],
      [2, event("three")],
    ]);
  });

  test("uses no seq again that a closing page has sent without storing it", async () => {
    const first = await Load.of(attempt);
    await first.greet(welcome(KEY));
    first.record("stored");
    await first.keep();
    first.record("sent at the last moment");
    first.persistence.reserve(2);
    const second = await Load.of(attempt);
    expect(second.persistence.queue.nextSeqForHello).toBe(3);
    await second.greet(welcome(KEY, { committed: 2 }));
    expect(second.persistence.queue.length).toBe(0);
    await second.persistence.forget();
    expect(localStorage.length).toBe(0);
  });

  test("without a key stays in memory, and isStored is false", async () => {
    const load = await Load.of(attempt);
    await load.greet(welcome(""));
    load.record("one");
    await load.keep();
    expect(load.persistence.isStored).toBe(false);
    expect(load.persistence.queue.take()).toMatchObject({ first_seq: 1 });
    expect((await (await Store.open(attempt))?.load()) ?? null).toBeNull();
  });
});
