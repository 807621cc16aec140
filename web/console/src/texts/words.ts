/** Names of values that the hub sends: statuses, severities, decisions, labels, rules, numbers. One name for one value. */

type Names = Readonly<Record<string, string>>;

export const STATUSES: Names = {
  waiting: "Waiting",
  in_progress: "In progress",
  paused: "Paused",
  submitted: "Submitted",
  timed_out: "Timed out",
  ended: "Ended",
  reopened: "Reopened",
  abandoned: "Abandoned",
  declined: "Declined",
};
export const NOT_STARTED = "Not started";

export const PRESENCES = {
  connected: "Connected",
  offline: "Offline",
  not_started: NOT_STARTED,
  finished: "Finished",
  unknown: "Not known yet",
} as const;

/** A student is connected, and no event has arrived for so long. */
export function nothingNewFor(span: string): string {
  return `nothing new for ${span}`;
}

export const SEVERITIES: Names = { normal: "Note", warning: "Warning", critical: "Critical" };

export const DECISIONS: Names = {
  open: "Open",
  confirmed: "Confirmed",
  dismissed: "Dismissed",
  escalated: "Escalated",
  withdrawn: "Withdrawn",
};

export const INTEGRITY = {
  name: "Integrity",
  levels: { good: "good", warning: "needs attention", critical: "low", unknown: "not enough covered" },
  short: "integrity",
  covered: (share: string) => `${share} covered`,
  onlyCovered: (share: string) => `only ${share} covered`,
} as const;

export const LABELS: Readonly<Record<string, { name: string; means: string }>> = {
  safe: { name: "Safe", means: "Neither integrity nor writing progress is unusual." },
  incapable: {
    name: "May need support",
    means: "No sign of dishonesty in the record, but the drafts made little progress.",
  },
  copy: {
    name: "May have copied",
    means: "Low integrity and little writing progress, with a flag that a reviewer confirmed.",
  },
  no_interest: {
    name: "May have disengaged",
    means: "Low integrity and some writing progress, without a confirmed flag.",
  },
};
export const NO_LABEL = {
  name: "No label",
  means: "Too little of the attempt is covered, or too few drafts were saved.",
} as const;

export const TRENDS: Names = { up: "rising", steady: "steady", down: "falling" };

export const FLAG_NUMBERS: Names = {
  chars: "Characters",
  n: "Number",
  times: "Times",
  share: "Share",
  samples: "Samples",
};

/** By the ending of a name; the first that fits is used. */
export const UNITS: readonly (readonly [ending: string, unit: string])[] = [
  ["_ms", "ms"],
  ["_s", "s"],
  ["_chars", "characters"],
  ["_share", "share"],
];

/** Name a number of points that is formatted already. */
export const countPoints = (points: string): string => `${points} ${points === "1" ? "point" : "points"}`;

export const COUNTED = {
  minute: ["minute", "minutes"],
  hour: ["hour", "hours"],
  student: ["student", "students"],
  selectedStudent: ["selected student", "selected students"],
  exam: ["exam", "exams"],
  attempt: ["attempt", "attempts"],
  event: ["event", "events"],
  flag: ["flag", "flags"],
  question: ["question", "questions"],
  answer: ["answer", "answers"],
  character: ["character", "characters"],
} as const;
