/** Texts of the editor of questions. */

import { countPoints } from "./words.ts";

export const ITEMS = {
  what: "the questions",
  summary: (questions: string, points: string, version: number) =>
    `${questions}, ${countPoints(points)}. Version ${version}`,
  unsaved: ", with unsaved changes",
  save: "Save questions",
  saved: "Questions saved.",
  incomplete: (place: number) => `Question ${place} is not complete.`,
  moved: (place: number, total: number) => `Question moved to position ${place} of ${total}.`,
  empty: "No questions yet",
  emptyText: "Add your first question below.",
  add: "Add a question",
  question: (place: number) => `Question ${place}`,
  moveUp: (place: number) => `Move question ${place} up`,
  moveDown: (place: number) => `Move question ${place} down`,
  removeOf: (place: number) => `Remove question ${place}`,
  prompt: "Question",
  promptOf: (place: number) => `Text of question ${place}`,
  kind: "Type",
  points: "Points",
  choices: "Answers: mark the correct one",
  choicesMany: "Answers: mark the correct ones",
  choice: (place: number) => `Answer ${place}`,
  isCorrect: (place: number) => `Answer ${place} is correct`,
  removeChoice: (place: number) => `Remove answer ${place}`,
  addChoice: "Add answer",
  value: "Correct answer",
  tolerance: "Tolerance (±)",
} as const;

export const KINDS = [
  { kind: "choice", name: "Single choice", help: "One answer is correct." },
  { kind: "multiple", name: "Multiple choice", help: "All correct answers must be chosen, and no others." },
  { kind: "number", name: "Numeric", help: "Correct within the tolerance." },
  { kind: "text", name: "Free text", help: "Graded by a teacher." },
] as const;

/** What is missing in a question before it can be saved. */
export const MISSING = {
  prompt: "Write the question.",
  points: "Enter more than 0 points.",
  twoChoices: "Add at least two answers.",
  emptyChoice: "Fill in every answer.",
  sameChoices: "Two answers are the same.",
  noCorrect: "Mark the correct answer.",
  value: "Enter a number.",
  tolerance: "Enter 0 or more.",
} as const;
