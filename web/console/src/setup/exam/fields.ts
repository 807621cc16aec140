/** The fields of the exam form, and times as `datetime-local` writes them. Pure. */

export interface ExamFields {
  title: string;
  subject: string;
  topic: string;
  description: string;
  duration_minutes: number;
  passing_score: number;
  /** ms since the epoch. */
  opens_at: number | null;
  closes_at: number | null;
  enable_model: boolean;
  kind: "real" | "practice";
  preset: "browser" | "camera";
}

export const NEW_EXAM: ExamFields = {
  title: "",
  subject: "",
  topic: "",
  description: "",
  duration_minutes: 60,
  passing_score: 0,
  opens_at: null,
  closes_at: null,
  enable_model: false,
  kind: "real",
  preset: "browser",
};

/** A time in the local time zone, without a zone; empty for null. */
export function toLocal(ms: number | null): string {
  if (ms === null) return "";
  const offsetMs = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offsetMs).toISOString().slice(0, 16);
}

/** The time of a local date, ms since the epoch; null if there is none. */
export function fromLocal(text: string): number | null {
  const ms = text === "" ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(ms) ? null : ms;
}
