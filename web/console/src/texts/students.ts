/** Texts of the flagged students and of one student. */

export const FLAGGED = {
  title: "Flagged students",
  about:
    "Students with an attempt that needs attention or has a high-risk label. A badge marks students with two such attempts among their last three final ones. This is a reason to talk to the student, not a verdict.",
  what: "students",
  empty: "No flagged students",
  student: "Student",
  label: "Current label",
  highRisk: "High risk",
  attempts: "Attempts",
  last: "Last attempt",
  talk: "talk to this student",
} as const;

export const STUDENT = {
  title: "Student",
  what: "the student",
  empty: "There are no attempts that you have access to",
  overTime: "Over time",
  risk: "Current label",
  flagged: "two of the last three attempts have high risk",
  noFigures: "You see numbers here when the first attempt is graded and reviewed.",
  exams: "Exams",
  passed: (total: number, passed: number) => `${total}, ${passed} passed`,
  averageScore: "Average score",
  integrity: "Integrity",
  progress: "Writing progress",
  trend: (name: string, trend: string) => `${name}, ${trend}`,
  tooFewDrafts: "too few drafts",
  of100: (score: number) => `${score} of 100`,
  strengths: "Strengths",
  weaknesses: "Weaknesses",
} as const;
