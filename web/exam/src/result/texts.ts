// Every text of the views after the exam, in one place for translation. Unknown names are shown as they are.
import { own } from "@veritas/shared/lookup/own.ts";
import type { Tone } from "@veritas/shared/ui/index.ts";

const count = (n: number, noun: string): string => `${n} ${n === 1 ? noun : `${noun}s`}`;
const spaced = (name: string): string => name.replaceAll("_", " ");

const STATUSES: { readonly [status: string]: string } = {
  submitted: "Handed in",
  completed: "Handed in",
  timed_out: "Time is over",
  ended: "Ended by a teacher",
  abandoned: "Not finished",
  declined: "Declined",
};

const HEADINGS: { readonly [status: string]: string } = {
  timed_out: "Your time is over",
  ended: "A teacher ended your exam",
};

const FLAG_STATUSES: { readonly [status: string]: string } = {
  open: "Not reviewed",
  confirmed: "Confirmed by a reviewer",
  dismissed: "Dismissed by a reviewer",
  escalated: "With a second reviewer",
  withdrawn: "Withdrawn",
};

const INTEGRITY: { readonly [status: string]: { text: string; tone: Tone } } = {
  good: { text: "Good", tone: "good" },
  warning: { text: "Some concerns", tone: "warning" },
  critical: { text: "Serious concerns", tone: "critical" },
  unknown: { text: "Not enough data", tone: "neutral" },
};

const EVENTS: { readonly [type: string]: string } = {
  alive: "Page was open",
  window_blur: "Exam window lost focus",
  window_focus: "Exam window got focus",
  tab_hidden: "Exam tab was hidden",
  tab_visible: "Exam tab was visible again",
  fullscreen_exit: "Left fullscreen",
  fullscreen_enter: "Entered fullscreen",
  copy: "Copied text (length only)",
  cut: "Cut text (length only)",
  paste: "Pasted, dropped or inserted text (length only)",
  key_combo: "Pressed a recorded key combination, such as copy or print",
  context_menu: "Opened the context menu",
  screen_count: "Number of screens changed",
  network_change: "Network connection changed",
  item_opened: "Opened a question",
  answered: "Gave an answer",
  draft_saved: "Draft of a text answer was saved",
  typing: "Typed (characters and seconds, no keys)",
  client_error: "Error in the page",
  attempt_started: "Started the exam",
  notice_acknowledged: "Confirmed the notice",
  signed_in: "Signed in",
  paper_read: "Questions were loaded",
  second_place: "Read or handed in from a second place",
  stream_waived: "Allowed to work without a connection",
  stream_abandoned: "Continued without the events stored before",
  connection_opened: "Page connected",
  connection_lost: "Connection ended",
  quota_reached: "The page sent far more events than exams need",
  heartbeat_missed: "No signal from the page",
  heartbeat_resumed: "Signal from the page again",
  cohort_outage: "Many students lost the connection at once",
  submitted: "Handed in",
  ended: "Exam was ended",
  rejected: "Event that the server could not read",
  events_lost: "Lost events",
};

export const resultTexts = {
  status: (status: string) => own(STATUSES, status) ?? spaced(status),
  heading: (status: string) => own(HEADINGS, status) ?? own(STATUSES, status) ?? spaced(status),
  handedIn: "Handed in",
  handedInHeading: "Your exam is handed in",
  closing: "Your exam is over",
  closingHelp: "The server is handing in your answers. This takes a few seconds.",
  title: (status: string, title: string) => `${status}: ${title}`,
  timedOut: "The server handed in everything it had when your time ended. Nothing that was saved is lost.",
  late: (question: number, span: string) =>
    `Your answer to question ${question} arrived ${span} after the end and does not count by itself. Your teacher sees it.`,
  ended: "A teacher ended this attempt. Everything that was saved is kept.",
  endedBecause: (reason: string) =>
    `A teacher ended this attempt. Reason: “${reason}”. Everything that was saved is kept.`,
  backToExams: "Back to your exams",
  recordHeading: "Your record",
  computing: "This is being computed. It appears here by itself.",
} as const;

export const receiptTexts = {
  heading: "Receipt",
  print: "Print or save",
  exam: "Exam",
  received: "Received",
  answers: "Answers",
  events: "Recorded events",
  attempt: "Attempt",
  hash: "Fingerprint",
  hashHelp:
    "The fingerprint is computed from your answers and the recorded events on the server. With it you can check later that nothing has changed.",
} as const;

export const recordTexts = {
  result: "Result",
  integrity: "Integrity",
  integrityHelp: "Summarizes the flags that count. A reviewer decides, not this value.",
  coverage: "Coverage",
  covered: (share: number | null) => (share === null ? "not known" : `${Math.round(share * 100)} % covered`),
  coverageHelp:
    "The share of the exam during which your page was connected. Time without a connection does not count against you.",
  integrityOf: (status: string) => own(INTEGRITY, status) ?? { text: spaced(status), tone: "neutral" as Tone },
  notReleased: "Not released yet",
  notReleasedHelp: "Not released yet. It appears here when it is released.",
  notGraded: "Not graded yet.",
  notFinal: "Not final yet.",
  points: (n: number) => count(n, "point"),
  pointsOf: (n: number, max: number) => `${n} of ${count(max, "point")}`,
  percent: (n: number) => `${Math.round(n)} %`,
  passed: (isPassed: boolean) => (isPassed ? "Passed" : "Not passed"),
  flags: (n: number) => count(n, "flag"),
  noFlags: "No flags.",
  noFlagsYet:
    "No flags to show yet. Flags appear after a reviewer has decided about them, or when the results are released.",
  flagStatus: (status: string) => own(FLAG_STATUSES, status) ?? spaced(status),
  nothingRecorded: "No recorded events are stored: nothing was recorded, or the events were deleted after their time.",
  recorded: "What was recorded",
  event: "Event",
  count: "Count",
  first: "First",
  last: "Last",
  eventName: (type: string) => own(EVENTS, type) ?? spaced(type),
} as const;
