// Stores a queue on this device, encrypted, and before its events are sent. When storage fails, the queue continues in
// memory and `isStored` is false. It must never store a key or a readable event.

import type { QueueClock } from "../session/clock.ts";
import type { Event, Welcome } from "../session/frames.ts";
import type { CandidateQueue } from "./queue.ts";
import { CandidateQueue as Queue } from "./queue.ts";
import type { StoredQueue } from "./store.ts";
import { Store } from "./store.ts";
import { Encryption } from "./encryption.ts";
import { deviceStorage } from "@veritas/shared/storage/storage.ts";

/** Seqs that a closing page has sent before they were stored: the next load must not use them again. */
interface Reservation {
  boot: string;
  stream: string;
  seq: number;
}

const RESERVED = "veritas-proctor-sent:";

export class QueuePersistence {
  /** Whether recorded events survive a reload of the page. */
  isStored = false;
  private encryption: Encryption | null = null;
  private unstored = new Map<number, { event: Event; size: number }>();
  private droppedKeys: number[] = [];
  private writing: Promise<void> | null = null;
  private isDirty = false;
  private isDecrypted = false;

  private constructor(
    private readonly attemptId: string,
    readonly queue: CandidateQueue,
    private readonly database: Store | null,
    private loaded: StoredQueue | null,
    private readonly onStored: (seq: number) => void,
  ) {}

  /** Whether recorded events, or what follows from acknowledgements, are on their way to the disk. */
  get isStoring(): boolean {
    return this.isStored && (this.unstored.size > 0 || this.writing !== null);
  }

  /** Open the stored queue of an attempt, or a new one. */
  static async open(attemptId: string, onStored: (seq: number) => void): Promise<QueuePersistence> {
    const isSecure = globalThis.crypto?.subtle !== undefined;
    const database = isSecure ? await Store.open(attemptId) : null;
    const loaded = (await database?.load()) ?? null;
    if (loaded !== null) loaded.state = withReserved(loaded.state, deviceStorage.get(RESERVED + attemptId));
    const queue = loaded === null ? new Queue(newId()) : Queue.restore(loaded.state, sizesOf(loaded));
    return new QueuePersistence(attemptId, queue, database, loaded, onStored);
  }

  get clockState(): StoredQueue["state"] | null {
    return this.loaded?.state ?? null;
  }

  /** Decrypt the stored events with the key of the welcome. Without a key, or with another one, they are lost. */
  async decrypt(welcome: Welcome): Promise<void> {
    if (this.isDecrypted) return;
    const encryption =
      this.database && (await Encryption.open(welcome.queue_key, `${this.attemptId}:${this.queue.boot}`));
    const events = new Map<number, Event>();
    for (const [key, encrypted] of this.loaded?.events ?? []) {
      const event = await encryption?.decrypt(key, encrypted);
      if (event) events.set(key, event);
    }
    this.loaded = null;
    this.droppedKeys.push(...this.queue.decrypt(events));
    this.encryption = encryption;
    this.isDecrypted = true;
    this.isStored = encryption !== null;
    if (encryption !== null) this.queue.clear(this.queue.sentEver);
    else await this.database?.clear();
  }

  recorded(key: number, event: Event, size: number): void {
    if (this.database !== null) this.unstored.set(key, { event, size });
  }

  dropped(keys: readonly number[]): void {
    for (const key of keys) if (!this.unstored.delete(key)) this.droppedKeys.push(key);
  }

  /** Remember at once that seqs up to `seq` are sent. The page is closing, so their events may not be stored in time. */
  reserve(seq: number): void {
    const { boot, stream } = this.queue;
    if (!this.isStored || stream === null) return;
    deviceStorage.set(RESERVED + this.attemptId, JSON.stringify({ boot, stream, seq } satisfies Reservation));
  }

  /** Store what has changed. `maySend` returns whether the events may be sent as soon as they are stored. */
  store(clock: QueueClock, maySend: () => boolean): Promise<void> {
    if (this.database === null || this.encryption === null || !this.isStored) {
      if (this.database === null || this.isDecrypted) this.unstored.clear();
      return Promise.resolve();
    }
    this.isDirty = true;
    this.writing ??= this.writeAll(clock, maySend).finally(() => {
      this.writing = null;
    });
    return this.writing;
  }

  /** Delete the stored queue: the server has everything, and nothing more will be recorded. */
  async forget(): Promise<void> {
    this.isStored = false;
    deviceStorage.remove(RESERVED + this.attemptId);
    await this.writing;
    await this.database?.clear();
  }

  close(): void {
    this.database?.close();
  }

  private async writeAll(clock: QueueClock, maySend: () => boolean): Promise<void> {
    while (this.isDirty && this.isStored) {
      this.isDirty = false;
      await this.writeOnce(clock, maySend());
    }
  }

  private async writeOnce(clock: QueueClock, maySend: boolean): Promise<void> {
    const { queue, database, encryption } = this;
    if (database === null || encryption === null) return;
    const { stream } = queue;
    const last = queue.nextSeq - 1;
    const state = { ...queue.state, sentEver: maySend ? last : queue.sentEver, ...clock.state };
    const fresh = [...this.unstored].filter(([key]) => key > queue.acked + queue.shift);
    this.unstored.clear();
    const removed = this.droppedKeys.splice(0);
    const deleteTo = queue.acked + queue.shift;
    const put = await Promise.all(
      fresh.map(async ([key, { event, size }]) => ({ ...(await encryption.encrypt(key, event)), key, size })),
    );
    const isWritten = await database.write({ state, put, deleteTo, delete: removed });
    if (!isWritten) {
      this.isStored = false;
      queue.clear(Infinity);
      this.onStored(Infinity);
      await database.clear();
    } else if (maySend && queue.stream === stream) this.onStored(last);
    else if (queue.stream !== stream) this.isDirty = true;
  }
}

/** Return a stored state that also counts the reserved seqs as used and sent. */
function withReserved(state: StoredQueue["state"], stored: string | null): StoredQueue["state"] {
  try {
    const { boot, stream, seq } = JSON.parse(stored ?? "{}") as Partial<Reservation>;
    if (boot !== state.boot || stream !== state.stream || !Number.isSafeInteger(seq)) return state;
    const last = seq as number;
    return { ...state, nextSeq: Math.max(state.nextSeq, last + 1), sentEver: Math.max(state.sentEver, last) };
  } catch {
    return state;
  }
}

function sizesOf(stored: StoredQueue): Map<number, number> {
  return new Map([...stored.events].map(([key, { size }]) => [key, size]));
}

/** Return a random UUID. `crypto.randomUUID` is missing in pages without a secure context. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
