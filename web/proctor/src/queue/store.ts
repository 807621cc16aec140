// Stores queues in IndexedDB, so that they survive a reload or a crash: per attempt a state and encrypted events. It must
// never store a readable event, and it never throws: methods return whether they have succeeded.

import type { ClockState } from "../session/clock.ts";
import type { QueueState } from "./queue.ts";
import type { Encrypted } from "./encryption.ts";

const NAME = "veritas-proctor";
const STATES = "memos";
const EVENTS = "events";

/** The state of a queue and of its clock. */
export interface StoredState extends QueueState, ClockState {
  attempt: string;
}

interface StoredEvent extends Encrypted {
  attempt: string;
  key: number;
  size: number;
}

export interface StoredQueue {
  state: StoredState;
  events: Map<number, Encrypted & { size: number }>;
}

export interface Change {
  state: QueueState & ClockState;
  put: (Encrypted & { key: number; size: number })[];
  /** The hub has stored every event with a key up to this one. */
  deleteTo: number;
  delete: number[];
}

export class Store {
  private constructor(
    private readonly db: IDBDatabase,
    private readonly attempt: string,
  ) {}

  /** Open the store of an attempt; null where there is no storage, as in some private windows. */
  static async open(attempt: string): Promise<Store | null> {
    try {
      const opening = indexedDB.open(NAME, 1);
      opening.onupgradeneeded = () => {
        opening.result.createObjectStore(STATES, { keyPath: "attempt" });
        opening.result.createObjectStore(EVENTS, { keyPath: ["attempt", "key"] });
      };
      return new Store(await resultOf(opening), attempt);
    } catch {
      return null;
    }
  }

  /** Load the queue of this attempt; null when there is none, or it cannot be read. */
  async load(): Promise<StoredQueue | null> {
    try {
      const tx = this.db.transaction([STATES, EVENTS]);
      const [state, events] = await Promise.all([
        resultOf(tx.objectStore(STATES).get(this.attempt) as IDBRequest<StoredState | undefined>),
        resultOf(tx.objectStore(EVENTS).getAll(this.range()) as IDBRequest<StoredEvent[]>),
      ]);
      return state === undefined ? null : { state, events: new Map(events.map((record) => [record.key, record])) };
    } catch {
      return null;
    }
  }

  /** Store a change completely or not at all; returns whether it is stored. */
  async write(change: Change): Promise<boolean> {
    try {
      const tx = this.db.transaction([STATES, EVENTS], "readwrite");
      const events = tx.objectStore(EVENTS);
      tx.objectStore(STATES).put({ ...change.state, attempt: this.attempt } satisfies StoredState);
      if (change.deleteTo > 0) events.delete(this.range(change.deleteTo));
      for (const key of change.delete) events.delete([this.attempt, key]);
      for (const record of change.put) events.put({ ...record, attempt: this.attempt } satisfies StoredEvent);
      await endOf(tx);
      return true;
    } catch {
      return false;
    }
  }

  /** Delete everything about this attempt. */
  async clear(): Promise<void> {
    try {
      const tx = this.db.transaction([STATES, EVENTS], "readwrite");
      tx.objectStore(STATES).delete(this.attempt);
      tx.objectStore(EVENTS).delete(this.range());
      await endOf(tx);
    } catch {
      // The rest is encrypted, and its key is never stored.
    }
  }

  close(): void {
    this.db.close();
  }

  private range(last = Infinity): IDBKeyRange {
    return IDBKeyRange.bound([this.attempt, -Infinity], [this.attempt, last]);
  }
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("storage failed"));
  });
}

function endOf(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = tx.onerror = () => reject(tx.error ?? new Error("storage failed"));
  });
}
