/** Texts of the overview and of the list of exams. */

export const OVERVIEW = {
  title: (name: string) => `Hello, ${name}`,
  what: "your overview",
  newExam: "New exam",
  inProgress: "Students in progress",
  examsRunning: (exams: string) => `${exams} running`,
  flags: "Flags to review",
  flagsNote: "warnings and critical flags",
  toGrade: "To grade",
  exams: "Exams",
  runningNow: "Running now",
  latestFlags: "Latest flags",
  toDo: "To do",
  otherExams: "Other exams",
  empty: "No exams yet",
  emptyText: "Create an exam, add students and publish it. You then see the progress here.",
  flagsToReview: (flags: string) => `${flags} to review`,
  attemptsToGrade: (attempts: number) => `${attempts} to grade`,
} as const;

export const EXAMS = {
  title: "Exams",
  what: "exams",
  empty: "No exams yet",
  emptyText: "You see here the exams that you create and those that you were given access to.",
  first: "Create your first exam",
  setup: "Setup",
  setupOf: (title: string) => ` of ${title}`,
  inProgress: (attempts: number) => `${attempts} in progress`,
  draft: "Draft",
  practice: "Practice",
  opens: (time: string) => `Opens ${time}`,
  closed: "Closed",
  open: "Open",
} as const;
