/** Texts of an exam's setup: details, publishing, monitoring rules and permissions. */

import { countPoints } from "./words.ts";

export const SETUP = {
  title: "Setup",
  what: "the exam",
  details: "Details",
  questions: "Questions",
  roster: "Students",
  rules: "Monitoring",
  people: "Access",
  cannotPass: (needed: string, max: string) =>
    `No student can pass: ${countPoints(needed)} ${needed === "1" ? "is" : "are"} needed, and the exam has ${max}.`,
  save: "Save",
  saved: "Saved.",
} as const;

export const PUBLISHING = {
  publish: "Publish",
  published: "Published. Students can now see the exam.",
  release: "Release results",
  released: "Students can now see their results.",
  isReleased: "Results released",
  unpublish: "Back to draft",
  unpublished: "The exam is a draft again.",
} as const;

export const DELETE_EXAM = {
  open: "Delete exam",
  who: "Only the user who created the exam and administrators can delete it.",
  title: (title: string) => `Delete “${title}”`,
  about:
    "The exam is deleted with its questions, students' attempts, events, answers, grades and flags. This cannot be undone.",
  submit: "Delete forever",
  deleted: (title: string) => `“${title}” is deleted.`,
} as const;

export const EXAM_FORM = {
  newTitle: "New exam",
  create: "Create draft",
  created: (title: string) => `“${title}” is created as a draft. Next, add its questions.`,
  title: "Title",
  subject: "Subject",
  topic: "Topic",
  duration: "Duration in minutes",
  durationHelp: "Counted for each student from their start.",
  passing: "Points to pass",
  opens: "Opens",
  opensHelp: "Leave empty to open when you publish.",
  closes: "Closes",
  closesHelp: "Leave empty to keep it open.",
  inZone: (zone: string) => `In your time zone, ${zone}.`,
  understood: (time: string, zone: string) => `That is ${time} (${zone}).`,
  instructions: "Instructions",
  kind: "Purpose",
  real: "Real exam",
  realHelp: "Counts in the figures of its students.",
  practice: "Practice",
  practiceHelp: "Counts in no figures. Each attempt is deleted with its data 7 days after its end.",
  monitoring: "Monitoring",
  browser: "Browser only",
  browserHelp: "Leaving the page or fullscreen, pasting. Students are not filmed.",
  camera: "Browser and camera",
  cameraHelp: "Also signals from a camera client, such as gaze. The record cannot verify them.",
  model: "Summaries by a language model",
  modelHelp:
    "After the exam, a language model writes a summary if your institution has set one up. It changes no score, status or flag.",
} as const;

export const POLICY = {
  what: "the monitoring rules",
  about: (version: number) =>
    `Version ${version}. Changes apply to attempts that start later. A rule raises a flag; a human reviewer decides what follows.`,
  save: "Save rules",
  saved: "Saved as a new version of the rules.",
  cameraOnly: "camera only",
  on: "On",
  off: "Off",
  seconds: "s",
  milliseconds: "ms",
  range: (least: number, most: number) => `${least} to ${most}`,
  /** Settings whose name says too little. */
  settings: {
    flicker_ms: "Ignore absences shorter than (ms)",
    out_s: "Out of fullscreen longer than (s)",
    away_s: "Away longer than (s)",
    chars: "Characters",
  } as Readonly<Record<string, string>>,
} as const;

export const PERMISSIONS = {
  what: "the access list",
  empty: "No one else has access yet",
  caption: "Access",
  teacher: "Teacher",
  saved: (name: string) => `The permissions of ${name} are saved.`,
  remove: "Remove access",
  removeOf: (name: string) => `Remove access: ${name}`,
  removed: (name: string) => `${name} no longer has access to this exam.`,
  username: "Username of another teacher",
  usernameHelp: "They can view the exam at first. Tick what else they may do.",
  add: "Add",
  added: (name: string) => `${name} can now view this exam.`,
  names: [
    { key: "can_view", name: "View", means: "exam, students, room and attempts" },
    { key: "can_edit", name: "Edit", means: "questions with answer keys, monitoring rules, students, publishing" },
    { key: "can_invigilate", name: "Invigilate", means: "watch the room, send messages, end an attempt" },
    { key: "can_review", name: "Review", means: "decide on flags, read answers with answer keys, grade" },
    { key: "can_view_analytics", name: "Analytics", means: "numbers over all attempts, exports" },
  ],
} as const;
