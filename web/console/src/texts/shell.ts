/** Texts that several pages share: the frame of a page, loading, errors; and of the sign-in and the user's own account. */

export const COMMON = {
  product: "Veritas",
  tryAgain: "Try again",
  showMore: "Show more",
  cancel: "Cancel",
  typeToConfirm: "To confirm, type this name",
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

export const SIGN_IN_AGAIN = {
  title: "Sign in again",
  about: "Your session has ended. This page and everything that you typed are kept.",
  leave: "Sign out instead",
} as const;

export const SECOND_STEP = {
  code: "Code",
  help: "Six digits from your authenticator app, or one of your recovery codes.",
} as const;

export const ACCOUNT = {
  title: "Your account",
  link: (name: string) => `${name}: your account`,
} as const;

export const PASSWORD = {
  title: "Password",
  old: "Current password",
  next: "New password",
  help: "At least 8 characters. Three or four unrelated words are easy to remember and hard to guess.",
  submit: "Change password",
  changed: "Your password has changed. You are signed out everywhere else.",
} as const;

export const SESSIONS = {
  title: "Where you are signed in",
  what: "your sessions",
  where: "Browser",
  opened: "Signed in",
  used: "Last used",
  ends: "Ends",
  current: "this device",
  sameNetwork: "same network",
  end: "End",
  endOf: (agent: string, at: string) => `End the session of ${agent} from ${at}`,
  ended: "The session has ended.",
  endOthers: "Sign out everywhere else",
  othersEnded: (count: number) => (count === 1 ? "One session has ended." : `${count} sessions have ended.`),
} as const;

export const TOTP = {
  title: "Second factor",
  what: "your second factor",
  about: "With a second factor you sign in with your password and a code from an authenticator app on your phone.",
  required: "Administrators need a second factor here. Set it up to continue.",
  active: "You sign in with a code.",
  codesLeft: (count: number) =>
    count === 1 ? "You have one recovery code left." : `You have ${count} recovery codes left.`,
  password: "Password",
  begin: "Set up a second factor",
  scan: "Scan this with your authenticator app, or enter the key by hand. It is shown only now.",
  qr: "QR code for your authenticator app",
  key: "Key",
  firstCode: "Code from the app",
  confirm: "Confirm",
  recoveryTitle: "Your recovery codes",
  recovery:
    "Each of them replaces a code once, for example when you lose your phone. They are shown only now: keep them in a safe place.",
  stored: "I have stored them",
  code: "Code, or a recovery code",
  remove: "Remove the second factor",
  removed: "You sign in without a code again.",
} as const;
