/** Writes CSV that spreadsheets open without running a cell as a formula. Pure. The hub reads CSV; no page does. */

/** Write cells as one line of CSV. A cell that a spreadsheet would run as a formula gets an apostrophe. */
export function writeCsvLine(cells: readonly string[]): string {
  return cells
    .map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell))
    .map((cell) => (/[",;\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(",");
}
