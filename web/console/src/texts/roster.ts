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
  help: "Type, paste from a spreadsheet, or drop a CSV file as your spreadsheet saves it. Columns: username, name, e-mail, and others by a header. You see how the list is understood before anyone is added. Students who are already on the list keep their code.",
  placeholder: "username, name, email\nada, Ada Example, ada@school.example\nben, Ben Example",
  wrong: "No one was added. Please correct these rows first.",
  more: (rows: number) => `and ${rows} more`,
  check: "Check the list",
  submit: (students: string) => `Add ${students}`,
  added: (students: string) => `${students} added. Save the new codes now: they are shown only once.`,
  chooseFile: "Choose a CSV file",
  file: "CSV file",
} as const;

/** How the hub understood a list of students. */
export const PREVIEW = {
  title: "Preview of the list",
  caption: (students: string) => `${students} in this list`,
  row: "Row",
  name: "Name",
  username: "Username",
  email: "E-mail",
  state: "Status",
  onRoster: "already on the list",
  notRead: "These columns are not read:",
  confirm: "Are these your students?",
  confirmAbout:
    "These accounts were made by their users, so the username alone does not prove who they are. Confirm each student you know. Then the password of the account ends, and the student signs in with a code.",
  yours: "your list says",
  registeredAs: "the account says",
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

export const RENEW_CODES = {
  button: "New codes for all",
  title: "Give all students new codes?",
  about:
    "All codes that you handed out for this exam stop working at once, and students who signed in with them are signed out. Use this only if codes were lost or seen by others.",
  submit: "Give new codes",
} as const;
