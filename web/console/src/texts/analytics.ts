/** Texts of the analytics of one exam. */

import { countPoints } from "./words.ts";

export const ANALYTICS = {
  title: "Analytics",
  what: "analytics",
  empty: "No attempts yet",
  emptyText: "You see numbers here when the first attempt has ended.",
  summary: "Summary",
  asOf: (time: string) => `as of ${time}`,
  attempts: "Attempts",
  needAttention: (attempts: string, plural: boolean) => `${attempts} ${plural ? "need" : "needs"} attention`,
  averageScore: "Average score",
  passed: "Passed",
  averageIntegrity: "Average integrity",
  averageProgress: "Average writing progress",
  notGraded: "nothing graded yet",
  ofPoints: (points: string) => `of ${countPoints(points)}`,
  pointsToPass: (points: string) => `${countPoints(points)} to pass`,
  notEnough: "not enough covered",
  tooFewDrafts: "too few drafts",
  of100: "of 100",
  highRisk: "High risk",
  highRiskNote: "labels “May have copied” and “May need support”",
} as const;

export const DISTRIBUTION = {
  title: "Distribution",
  scores: "Scores",
  scoresAbout: "Percent of the points, of graded attempts.",
  integrity: "Integrity",
  integrityAbout: "Of attempts with at least half of their time covered.",
  labels: "Labels",
  labelsAbout: "For teachers, after the exam. Students never see them.",
  empty: "No data yet",
  table: "Show as a table",
  from: "From",
  to: "To",
  attempts: "Attempts",
  fullest: (attempts: string, most: number, from: string, to: string) =>
    `${attempts}. The largest group, ${most}, is from ${from} to ${to}.`,
} as const;

export const RULE_PRECISION = {
  title: "Rule precision",
  about:
    "The share of reviewed flags that were confirmed, with its 95 % confidence interval. The interval is wide while few flags are reviewed.",
  caption: "Rules and decisions",
  rule: "Rule",
  raised: "Raised",
  confirmed: "Confirmed",
  dismissed: "Dismissed",
  open: "Open",
  precision: "Precision",
  none: "no decisions yet",
  interval: (low: string, high: string) => `(${low} to ${high})`,
  empty: "No rule has raised a flag.",
} as const;

export const QUESTION_RESULTS = {
  title: "Questions",
  caption: "Questions and points",
  question: "Question",
  answered: "Answered",
  average: "Average points",
  averageOf: (item: string) => `Average points of ${item}`,
  notGraded: "not graded",
  points: (average: string, max: string) => `${average} of ${max}`,
} as const;

export const STUDENT_RESULTS = {
  title: "Students",
  caption: "Students of this exam",
  progress: "Writing progress",
  openFlags: "Open flags",
} as const;
