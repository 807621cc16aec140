/** Tiles or table: the user's choice is kept in this browser. */

import { deviceStorage } from "@veritas/shared/storage/storage.ts";

export type Layout = "tiles" | "table";

const STORAGE_KEY = "veritas.console.view";
/** Rooms with more students start as a table. */
const TILES_UP_TO = 60;

export function defaultLayout(students: number): Layout {
  return students > TILES_UP_TO ? "table" : "tiles";
}

/** The stored choice; null without one. */
export function readLayout(): Layout | null {
  const stored = deviceStorage.get(STORAGE_KEY);
  return stored === "tiles" || stored === "table" ? stored : null;
}

export function storeLayout(layout: Layout): void {
  deviceStorage.set(STORAGE_KEY, layout);
}
