// Where a queue survives a reload or a crash: one IndexedDB per origin, a memo and sealed events per attempt. It never
// holds anything readable but numbers, and it never throws: a disk that fails leaves the queue in memory, and says so.

import type { ClockMemo } from "../session/clock.ts";
import type { Memo } from "./queue.ts";
import type { Sealed } from "./encryption.ts";

const NAME = "veritas-proctor";
const MEMOS = "memos";
const EVENTS = "events";

/** A queue's memo, and where its monotonic clock stands. */
export interface StoredMemo extends Memo, ClockMemo {
  attempt: string;
}

interface StoredEvent extends Sealed {
  attempt: string;
  key: number;
  size: number;
}

export interface Kept {
  memo: StoredMemo;
  events: Map<number, Sealed & { size: number }>;
}

export interface Change {
  memo: Memo & ClockMemo;
  put: (Sealed & { key: number; size: number })[];
  /** Every event with a key up to this one is the hub's now. */
  deleteTo: number;
  delete: number[];
}

export class Store {
  private constructor(
    private readonly db: IDBDatabase,
    private readonly attempt: string,
  ) {}

  /** Open the store of one attempt; null where there is none to be had (private windows, no disk). */
  static async open(attempt: string): Promise<Store | null> {
    try {
      const opening = indexedDB.open(NAME, 1);
      opening.onupgradeneeded = () => {
        opening.result.createObjectStore(MEMOS, { keyPath: "attempt" });
        opening.result.createObjectStore(EVENTS, { keyPath: ["attempt", "key"] });
      };
      return new Store(await answerOf(opening), attempt);
    } catch {
      return null;
    }
  }

  /** What was kept of this attempt's queue; null when nothing was, or it cannot be read. */
  async load(): Promise<Kept | null> {
    try {
      const tx = this.db.transaction([MEMOS, EVENTS]);
      const [memo, events] = await Promise.all([
        answerOf(tx.objectStore(MEMOS).get(this.attempt) as IDBRequest<StoredMemo | undefined>),
        answerOf(tx.objectStore(EVENTS).getAll(this.range()) as IDBRequest<StoredEvent[]>),
      ]);
      return memo === undefined ? null : { memo, events: new Map(events.map((one) => [one.key, one])) };
    } catch {
      return null;
    }
  }

  /** Write a change down, all of it or nothing; whether it stands. */
  async write(change: Change): Promise<boolean> {
    try {
      const tx = this.db.transaction([MEMOS, EVENTS], "readwrite");
      const events = tx.objectStore(EVENTS);
      tx.objectStore(MEMOS).put({ ...change.memo, attempt: this.attempt } satisfies StoredMemo);
      if (change.deleteTo > 0) events.delete(this.range(change.deleteTo));
      for (const key of change.delete) events.delete([this.attempt, key]);
      for (const one of change.put) events.put({ ...one, attempt: this.attempt } satisfies StoredEvent);
      await endOf(tx);
      return true;
    } catch {
      return false;
    }
  }

  /** Forget this attempt: everything of it is on the server. */
  async clear(): Promise<void> {
    try {
      const tx = this.db.transaction([MEMOS, EVENTS], "readwrite");
      tx.objectStore(MEMOS).delete(this.attempt);
      tx.objectStore(EVENTS).delete(this.range());
      await endOf(tx);
    } catch {
      // What is left is sealed, and is forgotten with the next attempt's key.
    }
  }

  close(): void {
    this.db.close();
  }

  private range(last = Infinity): IDBKeyRange {
    return IDBKeyRange.bound([this.attempt, -Infinity], [this.attempt, last]);
  }
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
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
