/** Texts of the commands of a teacher: a message, the end of an attempt, a waiver, and their results. */

export const MESSAGE = {
  title: "Message",
  toAll: (students: string) => `all ${students} in progress`,
  to: (whom: string) => `To ${whom}`,
  help: (used: number, limit: number) =>
    `Shown on the exam page at once. Students who are offline get it when they reconnect. ${used} of ${limit} characters.`,
  suggestions: "Suggested texts",
  suggested: [
    "Ten minutes left.",
    "Five minutes left. Please check your answers.",
    "Please return to the exam window.",
  ],
  send: "Send",
  sent: (students: string) => `Message sent to ${students}.`,
} as const;

export const END = {
  title: (name: string) => `End ${name}'s attempt`,
  about:
    "The exam page closes for this student. Answers so far are kept and graded. The student sees your reason, and it is stored with your name. You cannot undo this here.",
  reason: "Reason",
  confirm: "I want to end this attempt.",
  submit: "End the attempt",
  ended: (name: string) => `${name}'s attempt has ended.`,
} as const;

export const WAIVE = {
  title: (name: string) => `Let ${name} work without a connection`,
  about:
    "A monitored exam shows its questions only while the exam page is connected. If the connection is not possible here, you can allow the student to work without it. Nothing is recorded then, so please watch in person.",
  reason: "Reason",
  reasonHelp: "Stored with your name in the attempt.",
  submit: "Allow without connection",
  waived: (name: string) => `${name} can now work without a connection.`,
} as const;

export const RESULTS = {
  partly: (reached: string, missed: number, why: string) => `${reached} ${missed} failed: ${why}`,
  noAnswer: "The server has not answered yet.",
  mayBeDone: (why: string) => `${why} Your command may still be carried out. Check the room when it is live again.`,
  codes: {
    forbidden: "You do not have permission to do this.",
    not_found: "This student is not taking the exam at the moment.",
    busy: "The server is busy. Please try again in a moment.",
    conflict: "Another user changed this first. Reload and try again.",
  } as Readonly<Record<string, string>>,
} as const;

export const INSTRUCTIONS = {
  actions: {
    message: "Message",
    end: "End of the attempt",
    pause: "Pause",
    resume: "Resume",
    extend: "Extension",
  } as Readonly<Record<string, string>>,
  states: {
    sent: "on its way",
    done: "received",
    failed: "failed",
    expired: "not received in time",
  } as Readonly<Record<string, string>>,
  endUnconfirmed: "the student's page did not confirm it",
} as const;
