// The time that is left, and the moments at which it is announced. Pure.

const MARKS_MIN = [1, 5, 10];

/** Return how much time is left until a deadline, in ms; null without a deadline. */
export function leftMs(deadline: number | null, now: number): number | null {
  return deadline === null ? null : Math.max(0, deadline - now);
}

/** Return the mark, in minutes, that was passed while the time left fell from `before` to `after`; null if none was. */
export function minutesMark(before: number | null, after: number | null): number | null {
  if (before === null || after === null || after <= 0) return null;
  return MARKS_MIN.find((minutes) => before > minutes * 60_000 && after <= minutes * 60_000) ?? null;
}

export function clockTone(left: number | null): "neutral" | "warning" | "critical" {
  if (left === null || left > 5 * 60_000) return "neutral";
  return left > 60_000 ? "warning" : "critical";
}
