/** Texts of the review of flags. */

export const REVIEW = {
  title: "Review",
  what: "flags",
  csv: "Flags as CSV",
  csvName: (title: string) => `${title} flags`,
  status: "Status",
  severity: "Severity",
  nothingToDo: "Nothing to review",
  noMatch: "No flags match this filter",
  statuses: [
    ["open", "Open"],
    ["escalated", "Escalated"],
    ["confirmed", "Confirmed"],
    ["dismissed", "Dismissed"],
    ["", "All"],
  ],
  severities: [
    ["", "All"],
    ["critical", "Critical"],
    ["warning", "Warnings"],
    ["normal", "Notes"],
  ],
} as const;

export const FLAG = {
  by: (name: string) => `by ${name}`,
  showEvidence: "Show the evidence",
  hideEvidence: "Hide the evidence",
  what: "the evidence",
  confidence: "Confidence",
  cites: "Cited events",
  more: (events: number) => `and ${events} more`,
  falseAlarms: "How this can be wrong",
  decisions: "Decisions",
  decision: (by: string, from: string, to: string, reason: string) => `${by}: ${from} → ${to}. “${reason}”`,
  rule: (name: string) => `Rule: ${name}`,
  ruleVersion: (version: number) => `, version ${version}`,
  policyVersion: (version: number) => `, policy ${version}`,
  reviewerDecides: "A rule raises a flag. A human reviewer decides.",
  sources: {
    llm: "Suggested by the language model. It never changes a score.",
    service: "Reported by an external service. It never changes a score.",
    teacher: "Raised by a teacher.",
  } as Readonly<Record<string, string>>,
} as const;

export const DECIDE = {
  name: "Decide",
  verbs: { confirmed: "Confirm", dismissed: "Dismiss", escalated: "Escalate" },
  dismissInstead: "Dismiss instead",
  confirmInstead: "Confirm instead",
  why: (verb: string) => `${verb}: why?`,
  whyHelp: "Stored with your name.",
  decided: (decision: string, flag: string) => `${decision}: ${flag}.`,
  changed: (by: string, decision: string) => `${by} has just decided: ${decision}. Please check the flag again.`,
  conflict: (by: string, when: string) => `${by} decided on this flag before you${when}. Please check it again.`,
  on: (time: string) => ` on ${time}`,
  anotherUser: "Another user",
} as const;
