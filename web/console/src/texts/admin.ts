/** Texts of the pages for administrators: users and the audit log. */

export const USERS = {
  title: "Users",
  what: "users",
  newUser: "New user",
  role: "Role",
  noMatch: "No user matches your search",
  name: "Name",
  username: "Username",
  state: "State",
  active: "active",
  inactive: "deactivated",
  deactivate: "Deactivate",
  activate: "Activate",
  deactivateOf: (name: string) => `Deactivate ${name}`,
  activateOf: (name: string) => `Activate ${name}`,
  deactivated: (name: string) => `${name} is deactivated.`,
  activated: (name: string) => `${name} is active.`,
  allowExams: "Allow creating exams",
  forbidExams: "Forbid creating exams",
  of: (action: string, name: string) => `${action}: ${name}`,
  examsAllowed: (name: string) => `${name} can now create exams.`,
  examsForbidden: (name: string) => `${name} can no longer create exams.`,
  password: "Initial password",
  create: "Create user",
  created: (name: string) => `${name} can now sign in.`,
  roles: { student: "student", teacher: "teacher", admin: "administrator" } as Readonly<Record<string, string>>,
} as const;

export const ERASE = {
  open: "Erase",
  openOf: (name: string) => `Erase ${name}`,
  title: (name: string) => `Erase ${name}`,
  about:
    "Everything about this person is deleted. Attempts stay with times and marks, and the audit log with ids only, both without the name. This cannot be undone.",
  reason: "Reason",
  reasonHelp: "It stays in the audit log.",
  reasons: {
    requested: "The person asked for it",
    left: "The person has left",
    legal: "The law requires it",
    mistake: "The data should not exist",
  },
  force: "Also erase attempts that are held",
  forceHelp: "By a flag that is not decided, or by an administrator.",
  submit: "Erase forever",
  erased: (attempts: number) =>
    `The person is erased, with the data of ${attempts === 1 ? "1 attempt" : `${attempts} attempts`}.`,
} as const;

export const AUDIT = {
  title: "Audit log",
  about: "Actions of users, newest first. Entries cannot be changed.",
  what: "the audit log",
  action: "Action",
  placeholder: "review",
  noMatch: "No entries match",
  when: "Time",
  who: "User",
  did: "Action",
  target: "Target",
  details: "Details",
  server: "the server",
} as const;
