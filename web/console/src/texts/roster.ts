/** Texts of the students of an exam: adding them, their codes, removing them. */

export const ROSTER = {
  what: "the students",
  empty: "No students yet",
  caption: (students: string, more: boolean) => `${students}${more ? " so far" : ""}`,
  name: "Name",
  username: "Username",
  email: "E-mail",
  since: "Added",
  removed: "removed",
  remove: "Remove",
  removeOf: (name: string) => `Remove ${name}`,
} as const;

export const ADD_STUDENTS = {
  title: "Add students",
  list: "One student per line",
  help: "Type, paste from a spreadsheet, or drop a CSV file. Columns: username, name, e-mail; a header is optional. Students who are already on the list keep their code.",
  placeholder: "username, name, email\nada, Ada Example, ada@school.example\nben, Ben Example",
  wrong: "No one was added. Please correct these rows first.",
  row: (row: number, field: string, message: string) => `Row ${row}, ${field}: ${message}`,
  more: (rows: number) => `and ${rows} more`,
  submitNone: "Add students",
  submit: (students: string) => `Add ${students}`,
  added: (students: string) => `${students} added. Save their codes now: they are shown only once.`,
  chooseFile: "Choose a CSV file",
  file: "CSV file",
  student: (place: number) => `student ${place}`,
} as const;

/** What is wrong with a row of a pasted list. */
export const ROW_ERRORS = {
  header: "header",
  noColumn: (name: string) => `the column “${name}” is missing`,
  missing: "is missing",
  characters: (username: string) => `“${username}” has characters that a username cannot have`,
  repeated: (row: number) => `is already in row ${row}`,
  email: (email: string) => `“${email}” is not an e-mail address`,
} as const;

export const CODES = {
  title: (exam: string) => `Codes for “${exam}”`,
  about: (address: string) =>
    `Save or print these codes now: you cannot see them again. Students sign in with them at ${address}.`,
  download: "Download",
  print: "Print",
  close: "I have saved them",
  kept: "already has a code",
  fileName: (title: string) => `${title} codes`,
} as const;

export const REMOVE_STUDENT = {
  title: (name: string) => `Remove ${name}?`,
  about:
    "The code stops working at once, and the exam page closes if the student is taking the exam. The record is kept.",
  submit: "Remove",
  removed: (name: string) => `${name} is removed from the exam.`,
} as const;
