// What the hub's student endpoints answer, as this page reads it. Times are ms since the epoch by the server's clock.
import type { Json } from "@veritas/proctor/index.ts";

export type ItemKind = "choice" | "multiple" | "number" | "text";

export interface Item {
  item: string;
  kind: ItemKind;
  prompt: string;
  choices: string[];
  points: number;
}

export interface Notice {
  version: number;
  /** What is recorded, in plain sentences. */
  recorded: string[];
  who_sees: string;
  kept_days: number;
}

export interface Enrolment {
  exam_id: string;
  title: string;
  subject: string;
  topic: string;
  description: string;
  duration_minutes: number;
  opens_at: number | null;
  closes_at: number | null;
  state: "upcoming" | "open" | "running" | "closed" | "done";
  monitored: boolean;
  notice: Notice | null;
  attempt: { attempt_id: string; status: string; deadline: number | null } | null;
}

export interface Started {
  attempt_id: string;
  status: string;
  deadline: number | null;
}

export interface SavedAnswer {
  value: Json;
  revision: number;
  saved_at: number;
}

export interface Receipt {
  attempt_id: string;
  status: string;
  submitted_at: number;
  answers: number;
  events: number;
  /** SHA-256 of the answers, and of how far each stream is stored. */
  hash: string;
}

export interface RecordedFlag {
  rule: string;
  name: string;
  severity: string;
  status: string;
  summary: string;
  explanation: string;
  at: number | null;
}

export interface AttemptRecord {
  score: number | null;
  max_score: number | null;
  percentage: number | null;
  passed: boolean | null;
  grade_final: boolean;
  released: boolean;
  integrity: { score: number | null; status: "good" | "warning" | "critical" | "unknown" };
  coverage: number | null;
  summary: string;
  flags: RecordedFlag[];
  recorded: { event_type: string; count: number; first_at: number; last_at: number }[];
}

export interface Paper {
  attempt_id: string;
  exam: { exam_id: string; title: string; subject?: string; description?: string; monitored?: boolean };
  status: string;
  server_at: number;
  started_at: number | null;
  deadline: number | null;
  completed_at: number | null;
  items: Item[];
  answers: { [item: string]: SavedAnswer };
  receipt: Receipt | null;
  /** What came of it; null until that is worked out. */
  record?: AttemptRecord | null;
}

const RUNNING: ReadonlySet<string> = new Set(["in_progress", "paused", "reopened"]);

export const isRunning = (status: string): boolean => RUNNING.has(status);
