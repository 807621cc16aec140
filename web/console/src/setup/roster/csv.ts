/** Writes CSV that spreadsheets open without running a text as a formula, as the hub does. Pure. The hub reads CSV; no page does. */

/** Separators, spaces and quotes before the first character of a formula. A spreadsheet may split at any of them, also inside quotes. */
const MAY_BEGIN = /(?<![,;\s"])[,;\s"]*(?=[=+\-@＝＋－＠﹦﹢﹣﹫])/gu;
const CELL_BEGINS = /[,;\t\r\n\v\f]/g;

/** Write cells as one line of CSV. Where a spreadsheet would begin to calculate there is an apostrophe. */
export function writeCsvLine(cells: readonly string[]): string {
  return cells
    .map(defuse)
    .map((cell) => (/[",;\n\r\t]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(",");
}

function defuse(cell: string): string {
  const defused = cell.replace(MAY_BEGIN, (run: string, at: number) => {
    const inside = run.replace(CELL_BEGINS, "$&'");
    return at > 0 ? inside : `'${inside}`;
  });
  // A tab or a line end in front can hide a formula from a check.
  return /^[\t\r\n]/.test(defused) ? `'${defused}` : defused;
}
