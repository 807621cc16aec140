/** Reading a pasted or uploaded roster: RFC 4180 with commas, semicolons or tabs. Pure; every bad row is named. */

export interface RosterEntry {
  readonly username: string;
  readonly name: string;
  readonly email?: string;
  readonly enrollment_id?: string;
  readonly cohort?: string;
}

export interface RowFault {
  /** The line in the text, from 1. */
  readonly row: number;
  readonly field: string;
  readonly message: string;
}

export interface RosterReading {
  readonly entries: RosterEntry[];
  readonly faults: RowFault[];
}

const FIELDS = ["username", "name", "email", "enrollment_id", "cohort"] as const;
type Field = (typeof FIELDS)[number];

/** What people call the columns in the lists they have. */
const ALIASES: Readonly<Record<string, Field>> = {
  username: "username",
  user: "username",
  login: "username",
  name: "name",
  "full name": "name",
  student: "name",
  email: "email",
  "e-mail": "email",
  mail: "email",
  enrollment_id: "enrollment_id",
  "enrollment id": "enrollment_id",
  "enrolment id": "enrollment_id",
  "student id": "enrollment_id",
  cohort: "cohort",
  class: "cohort",
};

const USERNAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/;

/** Read a roster. Without a header the columns are username, name, email. */
export function readRoster(text: string): RosterReading {
  const rows = readCsv(text);
  const faults: RowFault[] = [];
  const entries: RosterEntry[] = [];
  const first = rows[0];
  if (first === undefined) return { entries, faults };
  const header = first.cells.map((cell) => ALIASES[cell.trim().toLowerCase()]);
  const hasHeader = header.includes("username") || header.includes("name");
  const columns = hasHeader ? header : FIELDS;
  if (hasHeader && !(header.includes("username") && header.includes("name"))) {
    const missing = header.includes("username") ? "name" : "username";
    faults.push({ row: first.line, field: "header", message: `there is no column “${missing}”` });
    return { entries, faults };
  }
  const seen = new Map<string, number>();
  for (const { line, cells } of hasHeader ? rows.slice(1) : rows) {
    const found: Partial<Record<Field, string>> = {};
    columns.forEach((field, index) => {
      const value = cells[index]?.trim();
      if (field !== undefined && value) found[field] = value;
    });
    const before = faults.length;
    check(found, line, seen, faults);
    if (faults.length === before) entries.push({ ...found, username: found.username ?? "", name: found.name ?? "" });
  }
  return { entries, faults };
}

function check(
  found: Partial<Record<Field, string>>,
  line: number,
  seen: Map<string, number>,
  faults: RowFault[],
): void {
  if (found.username === undefined) faults.push({ row: line, field: "username", message: "is missing" });
  else if (!USERNAME.test(found.username)) {
    faults.push({ row: line, field: "username", message: `“${found.username}” has characters a username cannot have` });
  } else {
    const earlier = seen.get(found.username.toLowerCase());
    if (earlier !== undefined) faults.push({ row: line, field: "username", message: `is in row ${earlier} already` });
    else seen.set(found.username.toLowerCase(), line);
  }
  if (found.name === undefined) faults.push({ row: line, field: "name", message: "is missing" });
  if (found.email !== undefined && !/^[^\s@]+@[^\s@]+$/.test(found.email)) {
    faults.push({ row: line, field: "email", message: `“${found.email}” is no e-mail address` });
  }
}

interface CsvRow {
  readonly line: number;
  readonly cells: string[];
}

/** Split a text into rows of cells; empty lines are skipped. */
export function readCsv(text: string): CsvRow[] {
  const source = text.replace(/^\uFEFF/, "");
  const separator = findSeparator(source);
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let cell = "";
  let quoted = false;
  let line = 1;
  let started = 1;
  const endRow = (): void => {
    cells.push(cell);
    if (cells.some((one) => one.trim() !== "")) rows.push({ line: started, cells });
    cells = [];
    cell = "";
    started = line;
  };
  for (let at = 0; at < source.length; at += 1) {
    const char = source[at];
    if (char === "\n") line += 1;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (source[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"' && cell.trim() === "") {
      quoted = true;
      cell = "";
    } else if (char === separator) {
      cells.push(cell);
      cell = "";
    } else if (char === "\n") endRow();
    else if (char !== "\r") cell += char;
  }
  endRow();
  return rows;
}

function findSeparator(text: string): string {
  const first = text.slice(0, text.indexOf("\n") === -1 ? text.length : text.indexOf("\n"));
  return [",", ";", "\t"].reduce((best, one) => (first.split(one).length > first.split(best).length ? one : best));
}

/** Write cells as one CSV line; a cell a spreadsheet would compute with gets an apostrophe. */
export function writeCsvLine(cells: readonly string[]): string {
  return cells
    .map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell))
    .map((cell) => (/[",;\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(",");
}
