/** Texts that several pages share: the frame of a page, the sign-in, loading, and what to do about an error. */

export const COMMON = {
  product: "Veritas",
  tryAgain: "Try again",
  showMore: "Show more",
  cancel: "Cancel",
  actions: "Actions",
  search: "Search",
  all: "All",
  none: "–",
  up: "Up",
  down: "Down",
  remove: "Remove",
  loading: (what: string) => `Loading ${what}…`,
  parentPages: "Parent pages",
  downloaded: (name: string) => `${name} is in your downloads.`,
  downloadFailed: (why: string) => `The download failed: ${why}`,
} as const;

export const ERRORS = {
  notFound: "This page does not exist, or you do not have access to it.",
  forbidden: "You do not have access to this. Ask the owner of the exam to add you.",
  /** A decision or another user's change came first. */
  limits: { ">=": "at least", "<=": "at most", ">": "more than", "<": "less than" } as Readonly<Record<string, string>>,
  characters: (limit: string, number: string) => `${limit} ${number} characters`,
} as const;

export const NAVIGATION = {
  overview: "Overview",
  exams: "Exams",
  flaggedStudents: "Flagged students",
  users: "Users",
  audit: "Audit log",
  room: "Room",
  review: "Review",
  attempts: "Attempts",
  analytics: "Analytics",
  setup: "Setup",
  thisExam: "This exam",
  resuming: "Signing you in…",
  signedOut: "You are signed out.",
  noPage: "Page not found",
  noPageText: "There is no page at this address. Go to",
  noPageLink: "the overview",
  forTeachers: "This console is for teachers",
  signedInAsStudent: "You are signed in as a student. Your exams are on",
  examPage: "the exam page",
} as const;

export const SIGN_IN = {
  title: "Sign in",
  about: "This is the console for teachers. Students sign in on",
  username: "Username",
  password: "Password",
  submit: "Sign in",
  wrong: "The username or the password is wrong. Please try again.",
} as const;
