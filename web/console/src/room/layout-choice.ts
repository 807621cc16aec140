/** Tiles or table: the user's choice is kept in this browser. */

export type Layout = "tiles" | "table";

const STORAGE_KEY = "veritas.console.view";
/** Rooms with more students start as a table. */
const TILES_UP_TO = 60;

export function defaultLayout(students: number): Layout {
  return students > TILES_UP_TO ? "table" : "tiles";
}

/** The stored choice; null without one. */
export function readLayout(): Layout | null {
  try {
    const stored = localStorage.getItem(STORAGE_KEY);
    return stored === "tiles" || stored === "table" ? stored : null;
  } catch {
    return null;
  }
}

export function storeLayout(layout: Layout): void {
  try {
    localStorage.setItem(STORAGE_KEY, layout);
  } catch {
    // Without storage, the choice lasts as long as the page.
  }
}
