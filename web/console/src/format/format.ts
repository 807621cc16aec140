/** Numbers, times and names of things in words; the one place where they are spelled. Pure, no clock of its own. */

import { formatSpan } from "@veritas/shared/time.ts";

/** How long an exam is: `45 minutes`, `1 hour`, `1 h 30 min`. */
export function length(minutes: number): string {
  if (minutes < 60) return count(minutes, "minute");
  const rest = minutes % 60;
  return rest === 0 ? count(minutes / 60, "hour") : `${Math.floor(minutes / 60)} h ${rest} min`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A share of 1 as whole percent; never 100 % or 0 % by rounding alone. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  if (rounded === 100 && share < 1) return "99 %";
  if (rounded === 0 && share > 0) return "1 %";
  return `${rounded} %`;
}

export function points(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 2 });
}

export type IntegrityWord = "good" | "warning" | "critical" | "unknown";

/** The word for an integrity score (JUDGEMENT §3). */
export function integrityWord(score: number | null): IntegrityWord {
  if (score === null) return "unknown";
  return score > 0.7 ? "good" : score > 0.4 ? "warning" : "critical";
}

const INTEGRITY: Readonly<Record<IntegrityWord, string>> = {
  good: "good",
  warning: "needs a look",
  critical: "low",
  unknown: "not enough seen",
};

export function integrityText(score: number | null): string {
  return INTEGRITY[integrityWord(score)];
}

const STATUS: Readonly<Record<string, string>> = {
  waiting: "Waiting",
  in_progress: "At work",
  paused: "Paused",
  submitted: "Submitted",
  timed_out: "Time over",
  ended: "Ended",
  reopened: "Reopened",
  abandoned: "Abandoned",
  declined: "Declined",
};

export function statusText(status: string | null): string {
  return status === null ? "Not started" : (STATUS[status] ?? sentence(status));
}

const SEVERITY: Readonly<Record<string, string>> = { normal: "Note", warning: "Warning", critical: "Critical" };

export function severityText(severity: string): string {
  return SEVERITY[severity] ?? sentence(severity);
}

const DECISION: Readonly<Record<string, string>> = {
  open: "Open",
  confirmed: "Confirmed",
  dismissed: "Dismissed",
  escalated: "Escalated",
  withdrawn: "Withdrawn",
};

export function decisionText(status: string): string {
  return DECISION[status] ?? sentence(status);
}

const LABEL: Readonly<Record<string, { name: string; means: string }>> = {
  safe: { name: "Safe", means: "Integrity and momentum together stand out in nothing." },
  incapable: { name: "May need support", means: "Worked honestly by the record, but drafts made little progress." },
  copy: { name: "May have copied", means: "Low integrity and little progress, with a flag that a person confirmed." },
  no_interest: { name: "May have disengaged", means: "Low integrity and modest progress, without a confirmed flag." },
};

export function labelText(label: string | null): string {
  return label === null ? "No label" : (LABEL[label]?.name ?? sentence(label));
}

export function labelMeaning(label: string | null): string {
  return label === null
    ? "Too little was seen, or too few drafts were kept, to say anything."
    : (LABEL[label]?.means ?? "");
}

const RULES: Readonly<Record<string, string>> = {
  left_page: "Left the page",
  left_fullscreen: "Left fullscreen",
  left_then_pasted: "Left, then pasted",
  gaze_away: "Gaze away",
};

export function ruleText(rule: string): string {
  return RULES[rule] ?? sentence(rule);
}

const EVENTS: Readonly<Record<string, string>> = {
  alive: "Still there",
  window_blur: "Exam window lost the focus",
  window_focus: "Exam window has the focus again",
  tab_hidden: "Exam tab not visible",
  tab_visible: "Exam tab visible again",
  fullscreen_exit: "Left fullscreen",
  fullscreen_enter: "In fullscreen",
  copy: "Copied text",
  cut: "Cut text",
  paste: "Pasted text",
  key_combo: "Key combination",
  context_menu: "Opened the context menu",
  devtools_open: "Opened developer tools",
  screen_count: "Number of screens",
  eye_movement: "Gaze sample",
  face_count: "Faces seen",
  head_pose: "Head position",
  voice_activity: "Voice activity",
  object_detected: "Object seen",
  network_change: "Network changed",
  vm_detected: "Signs of a virtual machine",
  item_opened: "Opened a question",
  answered: "Answered",
  draft_saved: "Draft saved",
  typing: "Typed",
  client_error: "Error in the exam page",
  attempt_started: "Started",
  connection_opened: "Connected",
  connection_lost: "Connection lost",
  heartbeat_missed: "Silent for 25 s",
  heartbeat_resumed: "Heard from again",
  cohort_outage: "Many lost their connection together",
  altered_resend: "Sent again with other content",
  submitted: "Submitted",
  ended: "Ended",
  extended: "Time extended",
  paused: "Paused",
  resumed: "Resumed",
  device_changed: "Went on from another device",
  notice_acknowledged: "Acknowledged the notice",
  policy_changed: "Rules changed",
  rejected: "An event was refused",
  events_lost: "Events are missing",
  stream_closed: "Went on in another stream",
};

/** A name as a heading: the hub writes rules' names within sentences. */
export function titled(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** An event's type in words. */
export function eventText(type: string): string {
  return EVENTS[type] ?? sentence(type);
}

/** What an event's payload says, in words; empty when it says nothing a person needs. */
export function eventDetail(type: string, data: Readonly<Record<string, unknown>>): string {
  const parts: string[] = [];
  const { chars, item, ms, value, n, cause, reason, label, confidence, on_screen, by, from, silent_ms, lost, of } =
    data;
  if (typeof chars === "number") parts.push(count(chars, "character"));
  if (typeof ms === "number" && type !== "alive") parts.push(`in ${formatSpan(ms)}`);
  if (typeof n === "number") parts.push(String(n));
  if (typeof item === "string") parts.push(`question ${item}`);
  if (value !== undefined && value !== null)
    parts.push(`“${shorten(typeof value === "string" ? value : JSON.stringify(value))}”`);
  if (typeof label === "string") parts.push(label);
  if (typeof on_screen === "boolean") parts.push(on_screen ? "on the screen" : "off the screen");
  if (typeof confidence === "number") parts.push(`confidence ${percent(confidence)}`);
  if (typeof cause === "string") parts.push(`cause: ${cause.replaceAll("_", " ")}`);
  if (typeof silent_ms === "number") parts.push(`silent for ${formatSpan(silent_ms)}`);
  if (typeof lost === "number" && typeof of === "number") parts.push(`${lost} of ${of}`);
  if (typeof by === "string") parts.push(`by ${by}`);
  if (typeof from === "number") parts.push(`from number ${from}`);
  if (typeof reason === "string") parts.push(reason);
  return parts.join(" · ");
}

export function shorten(text: string, most = 80): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).trimEnd()}…`;
}

/** `left_page` → `Left page`: for names this version has no words for. */
export function sentence(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Initials for a tile: the first letters of the first and last word. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = words[0]?.[0] ?? "";
  const last = words.length > 1 ? (words[words.length - 1]?.[0] ?? "") : "";
  return (first + last).toUpperCase();
}

/** Flags name their student, by name alone or with the id. */
export function studentName(student: string | { name: string }): string {
  return typeof student === "string" ? student : student.name;
}

const CODES: Readonly<Record<string, string>> = {
  forbidden: "You may not do this.",
  not_found: "Not sitting this exam now.",
  busy: "The server is busy; try again in a moment.",
  conflict: "Somebody was first.",
};

/** Why an order was refused. */
export function codeText(code: string, detail: string | null): string {
  return CODES[code] ?? detail ?? sentence(code);
}

const ACTIONS: Readonly<Record<string, string>> = {
  message: "Message",
  end: "End of the attempt",
  pause: "Pause",
  resume: "Resume",
  extend: "Extension",
};
const INSTRUCTION: Readonly<Record<string, string>> = {
  sent: "on its way",
  done: "received",
  failed: "could not be carried out",
  expired: "not received in time",
};

/** How far an instruction got: `Message “Ten minutes left.” · received`. */
export function instructionText(row: {
  action: string;
  text: string | null;
  state: string;
  code?: string | null;
}): string {
  const what = ACTIONS[row.action] ?? sentence(row.action);
  const said = row.text === null || row.text === "" ? "" : ` “${shorten(row.text)}”`;
  if (row.action === "end" && row.state === "failed") return `${what}${said} · the student's page did not confirm it`;
  const why = row.code === null || row.code === undefined ? "" : ` (${row.code.replaceAll("_", " ")})`;
  return `${what}${said} · ${INSTRUCTION[row.state] ?? row.state}${why}`;
}

const NUMBERS: Readonly<Record<string, string>> = {
  chars: "Characters",
  n: "Number",
  times: "Times",
  share: "Share",
  samples: "Samples",
};
const UNITS: readonly (readonly [ending: string, unit: string])[] = [
  ["_ms", "ms"],
  ["_s", "s"],
  ["_chars", "characters"],
  ["_share", "share"],
];

/** A rule's number by name, its unit last: `limit_s` → `Limit, s`. */
export function numberName(name: string): string {
  const known = NUMBERS[name];
  if (known !== undefined) return known;
  const unit = UNITS.find(([ending]) => name.endsWith(ending));
  return unit === undefined ? sentence(name) : `${sentence(name.slice(0, -unit[0].length))}, ${unit[1]}`;
}

export function numberValue(name: string, value: number): string {
  if (/(^|_)share$/.test(name)) return percent(value);
  return value.toLocaleString("en", { maximumFractionDigits: 1 });
}
