/** Texts of the room: the live view of one exam. */

export const ROOM = {
  title: "Room",
  what: "the room",
  about: (students: string, duration: string) =>
    `${students} · ${duration} · integrity is provisional while the exam runs`,
  students: "Students",
  noAccess: "You do not have access to this exam, or it does not exist.",
  noStudents: "No students yet",
  addStudents: "Add students",
  noMatch: "No student matches your search",
  showAll: "Show all",
  messageAll: "Message all",
  messageSome: (students: string) => `Message ${students}`,
  selected: (students: string) => `${students} selected`,
  clear: "Clear",
  newFlag: (severity: string, name: string, summary: string, more: number) =>
    `New ${severity} flag: ${name}. ${summary}${more > 0 ? `, and ${more} more` : ""}`,
  unknownStudent: "A student",
} as const;

export const FILTERS = {
  name: "Show",
  all: "All",
  attention: "Needs attention",
  in_progress: "In progress",
  offline: "Offline",
  not_started: "Not started",
  finished: "Finished",
} as const;

export const CONTROLS = {
  search: "Search students",
  searchPlaceholder: "Search students ( / )",
  sort: "Sort by",
  layout: "Layout",
  tiles: "Tiles",
  table: "Table",
  sortings: [
    ["attention", "Needs attention first"],
    ["name", "Name"],
    ["presence", "Offline first"],
    ["remaining", "Least time left first"],
    ["integrity", "Lowest integrity first"],
    ["flags", "Most flags first"],
    ["status", "Status"],
  ],
} as const;

export const STUDENT_TABLE = {
  caption: "Students of this exam. Use the arrow keys to move, Enter to open a student, Space to select.",
  selected: "Selected",
  select: (name: string) => `Select ${name}`,
  name: "Student",
  presence: "Connection",
  status: "Status",
  remaining: "Time left",
  integrity: "Integrity (provisional)",
  flags: "Flags to review",
  latest: "Latest flag",
  removed: "Removed",
  noDeadline: "no deadline",
  timeOver: "time is up",
  timeLeft: (time: string) => `${time} left`,
  reviewed: (flags: number) => `${flags} reviewed`,
  noFlags: "no flags",
} as const;

export const LATEST_FLAGS = { title: "Latest flags", empty: "No flags yet" } as const;

export const DRAWER = {
  notStarted: "Not started yet",
  notStartedText: "Nothing is recorded before the student starts.",
  removedText: "This student was removed from the exam.",
  integrity: "Integrity",
  provisional: "Integrity, provisional",
  time: "Time",
  over: "over",
  recorded: "Recorded",
  lastSeen: "Last seen",
  notEnough: "Less than half of the attempt is covered, or there is no score yet. No number is shown.",
  message: "Message",
  end: "End attempt…",
  waive: "Allow without connection…",
  waived: "Works without a connection",
  attemptPage: "Open attempt",
  tabs: "Attempt",
  flags: (flags: number) => `Flags (${flags})`,
  noFlags: "No flags yet",
} as const;

export const FRESHNESS = {
  live: "Live",
  livePresenceLate: (since: string) => `Live · connection states late since ${since}`,
  presenceLateText: "Flags, statuses and scores are live. Connection states may be a few seconds late.",
  noSignal: "No signal from the server",
  checking: "Checking the connection.",
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  disconnected: "No connection",
  notLive: "Not live",
  asOf: (span: string) => ` · as of ${span} ago`,
  lastReceived: "You see the last data received.",
  nothingLost: "Nothing is lost.",
  nextTry: (span: string) => `The next attempt to connect is in ${span}. Nothing is lost.`,
  closed: "The server closed the connection. Reload the page.",
  liveAgain: "The room is live again.",
  noLongerLive: "The room is not live.",
  tryNow: "Try now",
  reload: "Reload",
  /** By close code. */
  endings: {
    4400: "The server could not read this page's data. Reload the page.",
    4401: "You are signed out. Sign in again.",
    4403: "You no longer have access to this exam.",
    4413: "The server refused this page's data. Reload the page.",
  } as Readonly<Record<number, string>>,
} as const;
