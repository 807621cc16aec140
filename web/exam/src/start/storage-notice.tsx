// Shown before the start in a browser that blocks the data of this page: what to allow, and what is missing without it.
import { deviceStorage, storesValues, tabStorage } from "@veritas/shared/storage/storage.ts";
import { Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { storageTexts as texts } from "../texts.ts";

export function StorageNotice(): JSX.Element | null {
  if (canStore()) return null;
  return (
    <Notice tone="warning" role="status">
      <p>{texts.blocked(location.host)}</p>
      <p>{texts.without}</p>
    </Notice>
  );
}

/** Return whether this browser keeps the data of this page: the queue of events, and the sign-in. */
function canStore(): boolean {
  try {
    // Where site data are blocked, reading this property throws.
    if (window.indexedDB === null) return false;
  } catch {
    return false;
  }
  return navigator.cookieEnabled && storesValues(tabStorage) && storesValues(deviceStorage);
}
