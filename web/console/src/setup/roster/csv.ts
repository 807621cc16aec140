/**
 * Reads a list of students from CSV (RFC 4180) with commas, semicolons or tabs, and writes CSV. Pure.
 * docs/decisions/0028-libraries-of-the-pages.md says why this is no library.
 */

import { ROW_ERRORS } from "../../texts/roster.ts";

export interface RosterEntry {
  readonly username: string;
  readonly name: string;
  readonly email?: string;
  readonly enrollment_id?: string;
  readonly cohort?: string;
}

export interface RowError {
  /** The line in the text, from 1. */
  readonly row: number;
  readonly field: string;
  readonly message: string;
}

export interface RosterReading {
  readonly entries: RosterEntry[];
  readonly errors: RowError[];
}

const FIELDS = ["username", "name", "email", "enrollment_id", "cohort"] as const;
type Field = (typeof FIELDS)[number];

/** Names of columns in common spreadsheets. */
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
const EMAIL = /^[^\s@]+@[^\s@]+$/;

/** Read a list of students. Without a header the columns are username, name, email. */
export function readRoster(text: string): RosterReading {
  const rows = readCsv(text);
  const first = rows[0];
  if (first === undefined) return { entries: [], errors: [] };
  const header = first.cells.map((cell) => ALIASES[cell.trim().toLowerCase()]);
  const required = ["username", "name"] as const;
  const missing = required.filter((field) => !header.includes(field));
  if (missing.length === required.length) return readRows(rows, FIELDS);
  const [column] = missing;
  if (column === undefined) return readRows(rows.slice(1), header);
  const error = { row: first.line, field: ROW_ERRORS.header, message: ROW_ERRORS.noColumn(column) };
  return { entries: [], errors: [error] };
}

/** Read rows whose cells belong to these columns. Rows with errors give no entries. */
function readRows(rows: readonly CsvRow[], columns: readonly (Field | undefined)[]): RosterReading {
  const entries: RosterEntry[] = [];
  const errors: RowError[] = [];
  const lineOfUsername = new Map<string, number>();
  for (const { line, cells } of rows) {
    const entry: Partial<Record<Field, string>> = {};
    columns.forEach((field, index) => {
      const value = cells[index]?.trim();
      if (field !== undefined && value) entry[field] = value;
    });
    const found = rowErrors(entry, lineOfUsername);
    errors.push(...found.map(([field, message]) => ({ row: line, field, message })));
    if (found.length === 0) entries.push({ ...entry, username: entry.username ?? "", name: entry.name ?? "" });
    if (entry.username !== undefined && found.every(([field]) => field !== "username")) {
      lineOfUsername.set(entry.username.toLowerCase(), line);
    }
  }
  return { entries, errors };
}

function rowErrors(
  { username, name, email }: Partial<Record<Field, string>>,
  lineOfUsername: ReadonlyMap<string, number>,
): [field: Field, message: string][] {
  const errors: [Field, string][] = [];
  const earlier = lineOfUsername.get(username?.toLowerCase() ?? "");
  if (username === undefined) errors.push(["username", ROW_ERRORS.missing]);
  else if (!USERNAME.test(username)) errors.push(["username", ROW_ERRORS.characters(username)]);
  else if (earlier !== undefined) errors.push(["username", ROW_ERRORS.repeated(earlier)]);
  if (name === undefined) errors.push(["name", ROW_ERRORS.missing]);
  if (email !== undefined && !EMAIL.test(email)) errors.push(["email", ROW_ERRORS.email(email)]);
  return errors;
}

interface CsvRow {
  /** The line on which the row begins, from 1. */
  readonly line: number;
  readonly cells: string[];
}

/** Split a text into rows of cells. Empty lines are left out. */
export function readCsv(text: string): CsvRow[] {
  const source = text.replace(/^\uFEFF/, "");
  const reader = new CsvReader(separatorOf(source));
  for (let at = 0; at < source.length; at += 1) {
    const isDoubledQuote = source[at] === '"' && source[at + 1] === '"' && reader.isQuoted;
    if (isDoubledQuote) at += 1;
    reader.read(source[at] ?? "", isDoubledQuote);
  }
  reader.endRow();
  return reader.rows;
}

/** Reads CSV character by character. */
class CsvReader {
  readonly rows: CsvRow[] = [];
  isQuoted = false;
  private cells: string[] = [];
  private cell = "";
  private line = 1;
  private firstLine = 1;

  constructor(private readonly separator: string) {}

  /** `isLiteral` is a quote that belongs to the cell. */
  read(char: string, isLiteral: boolean): void {
    if (char === "\n") this.line += 1;
    if (isLiteral) this.cell += char;
    else if (this.isQuoted) {
      if (char === '"') this.isQuoted = false;
      else this.cell += char;
    } else if (char === '"' && this.cell.trim() === "") {
      this.isQuoted = true;
      this.cell = "";
    } else if (char === this.separator) this.endCell();
    else if (char === "\n") this.endRow();
    else if (char !== "\r") this.cell += char;
  }

  endRow(): void {
    this.endCell();
    if (this.cells.some((cell) => cell.trim() !== "")) this.rows.push({ line: this.firstLine, cells: this.cells });
    this.cells = [];
    this.firstLine = this.line;
  }

  private endCell(): void {
    this.cells.push(this.cell);
    this.cell = "";
  }
}

/** The most frequent separator of the first line. */
function separatorOf(text: string): string {
  const [first = ""] = text.split("\n", 1);
  const occurrences = (separator: string): number => first.split(separator).length;
  return [",", ";", "\t"].reduce((best, next) => (occurrences(next) > occurrences(best) ? next : best));
}

/** Write cells as one line of CSV. A cell that a spreadsheet would run as a formula gets an apostrophe. */
export function writeCsvLine(cells: readonly string[]): string {
  return cells
    .map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell))
    .map((cell) => (/[",;\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell))
    .join(",");
}
