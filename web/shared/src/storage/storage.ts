// The browser's storage for small values, such as the chosen theme. A browser that blocks site data throws on every access:
// then nothing is stored, and the page works on. It must never hold an answer, an event or a token.

/** Reads and writes that never throw. */
export interface SafeStorage {
  /** Return a stored value; null without one, and without storage. */
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
}

/** `open` returns the storage; in a browser that blocks it, this throws. */
export function safeStorage(open: () => Storage): SafeStorage {
  const attempt = <T>(work: (storage: Storage) => T, otherwise: T): T => {
    try {
      return work(open());
    } catch {
      return otherwise;
    }
  };
  return {
    get: (key) => attempt((storage) => storage.getItem(key), null),
    set: (key, value) => attempt((storage) => storage.setItem(key, value), undefined),
    remove: (key) => attempt((storage) => storage.removeItem(key), undefined),
  };
}

/** Ends with the tab. */
export const tabStorage = safeStorage(() => window.sessionStorage);
/** Stays in this browser. */
export const deviceStorage = safeStorage(() => window.localStorage);

const PROBE = "veritas.probe";

/** Return whether the browser stores anything for this page. */
export function storesValues(storage: SafeStorage): boolean {
  storage.set(PROBE, "1");
  const isStored = storage.get(PROBE) === "1";
  storage.remove(PROBE);
  return isStored;
}
