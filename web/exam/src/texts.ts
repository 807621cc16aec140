// Plain words for what the wire and the record name tersely. Every unknown name is shown as it is, never hidden.

const EVENTS: { readonly [type: string]: string } = {
  alive: "Signs that the page was open",
  window_blur: "The exam window lost the focus",
  window_focus: "The exam window had the focus again",
  tab_hidden: "The exam tab was hidden",
  tab_visible: "The exam tab was visible again",
  fullscreen_exit: "Fullscreen was left",
  fullscreen_enter: "Fullscreen was entered",
  copy: "Text was copied (its length)",
  cut: "Text was cut (its length)",
  paste: "Text was pasted (its length)",
  key_combo: "A watched key combination, such as copy or print",
  context_menu: "The context menu was opened",
  screen_count: "How many screens there were",
  network_change: "The network connection changed",
  item_opened: "A question was opened",
  answered: "An answer was given",
  draft_saved: "A draft of a text was saved",
  typing: "Stretches of typing (characters and seconds, no keys)",
  client_error: "The page met an error",
  attempt_started: "The attempt began",
  notice_acknowledged: "The notice was acknowledged",
  connection_opened: "The page connected",
  connection_lost: "The connection ended",
  heartbeat_missed: "Nothing was heard of the page for a while",
  heartbeat_resumed: "The page was heard of again",
  cohort_outage: "Many connections of this exam ended at once",
  submitted: "The exam was handed in",
  ended: "The attempt was ended",
  rejected: "A statement the server could not read",
  events_lost: "Statements that were lost",
};

export const eventWords = (type: string): string => EVENTS[type] ?? type.replaceAll("_", " ");

const STATUSES: { readonly [status: string]: string } = {
  submitted: "Handed in",
  completed: "Handed in",
  timed_out: "Time ran out",
  ended: "Ended by a teacher",
  abandoned: "Not finished",
  declined: "Declined",
};

export const statusWords = (status: string): string => STATUSES[status] ?? status.replaceAll("_", " ");

export const FLAG_STATUSES: { readonly [status: string]: string } = {
  open: "Not reviewed",
  confirmed: "Confirmed by a person",
  dismissed: "Dismissed by a person",
  escalated: "With a second person",
  withdrawn: "Withdrawn",
};

export const INTEGRITY: {
  readonly [status: string]: { word: string; tone: "good" | "warning" | "critical" | "neutral" };
} = {
  good: { word: "Good", tone: "good" },
  warning: { word: "Some concerns", tone: "warning" },
  critical: { word: "Serious concerns", tone: "critical" },
  unknown: { word: "Not enough was seen to say", tone: "neutral" },
};

export const plural = (n: number, one: string): string => `${n} ${n === 1 ? one : `${one}s`}`;
