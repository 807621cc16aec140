// Keeps a queue on this machine: sealed, written before it is sent, one write at a time. Never a key or a readable event
// on the disk; when the disk fails the queue goes on in memory, and `isKept` says so.

import type { QueueClock } from "../session/clock.ts";
import type { Event, Welcome } from "../session/frames.ts";
import type { CandidateQueue } from "./queue.ts";
import { CandidateQueue as Queue } from "./queue.ts";
import type { Kept } from "./store.ts";
import { Store } from "./store.ts";
import { Encryption } from "./encryption.ts";

export class QueuePersistence {
  /** Whether what is recorded survives a reload of the page. */
  isKept = false;
  private encryption: Encryption | null = null;
  private unstored = new Map<number, { event: Event; size: number }>();
  private droppedKeys: number[] = [];
  private writing: Promise<void> | null = null;
  private isDirty = false;
  private isUnlocked = false;

  private constructor(
    private readonly attemptId: string,
    readonly queue: CandidateQueue,
    private readonly store: Store | null,
    private kept: Kept | null,
    private readonly onCleared: (seq: number) => void,
  ) {}

  /** Take up the queue that was kept of this attempt, or begin one. */
  static async open(attemptId: string, onCleared: (seq: number) => void): Promise<QueuePersistence> {
    const isSecure = globalThis.crypto?.subtle !== undefined;
    const store = isSecure ? await Store.open(attemptId) : null;
    const kept = (await store?.load()) ?? null;
    const queue = kept === null ? new Queue(newId()) : Queue.restore(kept.memo, sizesOf(kept));
    return new QueuePersistence(attemptId, queue, store, kept, onCleared);
  }

  get clockMemo(): Kept["memo"] | null {
    return this.kept?.memo ?? null;
  }

  /** The welcome brought the key, or none: read what was kept, or give it up for lost. */
  async unlock(welcome: Welcome): Promise<void> {
    if (this.isUnlocked) return;
    const encryption = this.store && (await Encryption.open(welcome.queue_key, `${this.attemptId}:${this.queue.boot}`));
    const events = new Map<number, Event>();
    for (const [key, sealed] of this.kept?.events ?? []) {
      const event = await encryption?.unseal(key, sealed);
      if (event) events.set(key, event);
    }
    this.kept = null;
    this.droppedKeys.push(...this.queue.unseal(events));
    this.encryption = encryption;
    this.isUnlocked = true;
    this.isKept = encryption !== null;
    if (encryption !== null) this.queue.clear(this.queue.sentEver);
    else await this.store?.clear();
  }

  recorded(key: number, event: Event, size: number): void {
    if (this.store !== null) this.unstored.set(key, { event, size });
  }

  dropped(keys: readonly number[]): void {
    for (const key of keys) if (!this.unstored.delete(key)) this.droppedKeys.push(key);
  }

  /** Write down what changed since the last time; `mayGo` when the hub may be sent it as soon as it stands. */
  keep(clock: QueueClock, mayGo: () => boolean): Promise<void> {
    if (this.store === null || this.encryption === null || !this.isKept) {
      if (this.store === null || this.isUnlocked) this.unstored.clear();
      return Promise.resolve();
    }
    this.isDirty = true;
    this.writing ??= this.writeAll(clock, mayGo).finally(() => {
      this.writing = null;
    });
    return this.writing;
  }

  /** Forget all of it: everything is on the server, and nothing more will be recorded. */
  async forget(): Promise<void> {
    this.isKept = false;
    await this.writing;
    await this.store?.clear();
  }

  close(): void {
    this.store?.close();
  }

  private async writeAll(clock: QueueClock, mayGo: () => boolean): Promise<void> {
    while (this.isDirty && this.isKept) {
      this.isDirty = false;
      await this.writeOnce(clock, mayGo());
    }
  }

  private async writeOnce(clock: QueueClock, mayGo: boolean): Promise<void> {
    const { queue, store, encryption } = this;
    if (store === null || encryption === null) return;
    const { stream } = queue;
    const last = queue.nextSeq - 1;
    const memo = { ...queue.memo, sentEver: mayGo ? last : queue.sentEver, ...clock.memo };
    const fresh = [...this.unstored].filter(([key]) => key > queue.acked + queue.shift);
    this.unstored.clear();
    const gone = this.droppedKeys.splice(0);
    const deleteTo = queue.acked + queue.shift;
    const put = await Promise.all(
      fresh.map(async ([key, { event, size }]) => ({ ...(await encryption.seal(key, event)), key, size })),
    );
    const stands = await store.write({ memo, put, deleteTo, delete: gone });
    if (!stands) {
      this.isKept = false;
      queue.clear(Infinity);
      this.onCleared(Infinity);
      await store.clear();
    } else if (mayGo && queue.stream === stream) this.onCleared(last);
    else if (queue.stream !== stream) this.isDirty = true;
  }
}

function sizesOf(kept: Kept): Map<number, number> {
  return new Map([...kept.events].map(([key, one]) => [key, one.size]));
}

/** A random id; `crypto.randomUUID` is missing in pages that are not secure. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
