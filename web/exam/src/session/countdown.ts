// The exam's clock: what is left, and the few moments at which that is said aloud. Pure: moments come in.

const MARKS_MIN = [10, 5, 1];

/** How much is left of a deadline; null when there is none. */
export function leftMs(deadline: number | null, now: number): number | null {
  return deadline === null ? null : Math.max(0, deadline - now);
}

/** What to say when the time left has gone from `before` to `after`; null when no mark was passed. */
export function passedMark(before: number | null, after: number | null): string | null {
  if (before === null || after === null) return null;
  for (const minutes of [...MARKS_MIN].reverse()) {
    const mark = minutes * 60_000;
    if (before > mark && after <= mark && after > 0)
      return minutes === 1 ? "One minute left." : `${minutes} minutes left.`;
  }
  return null;
}

export function toneOf(left: number | null): "neutral" | "warning" | "critical" {
  if (left === null || left > 5 * 60_000) return "neutral";
  return left > 60_000 ? "warning" : "critical";
}
