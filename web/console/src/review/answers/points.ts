/** Points as they are typed, the request that saves them, and answers in words. Pure. */

import { Problem } from "@veritas/shared/api.ts";
import { formatSpan } from "@veritas/shared/time.ts";
import { points } from "../../format/numbers.ts";
import type { AnswerKey, GradedItem, NewGrade } from "../../rest/types.ts";
import { GRADING } from "../../texts/attempts.ts";

/** The points and the comment that a teacher typed for one question. */
export interface GivenPoints {
  readonly points: string;
  readonly comment: string;
}

/** What the fields of a question show before the teacher types. */
export function storedPoints({ given }: Pick<GradedItem, "given">): GivenPoints {
  return given === null ? { points: "", comment: "" } : { points: String(given.points), comment: given.comment ?? "" };
}

/** Why typed points cannot be saved; null if they can. */
export function pointsError(typed: string, max: number): string | null {
  const value = Number(typed);
  return typed === "" || !(value >= 0) || value > max ? GRADING.range(points(max)) : null;
}

/** The points to send, each with the points that the teacher saw, so that those of another grader are not replaced unseen. */
export function gradesOf(typed: ReadonlyMap<string, GivenPoints>, items: readonly GradedItem[]): NewGrade[] {
  const stored = new Map(items.map(({ item, given }) => [item, given]));
  return [...typed].map(([item, { points: value, comment }]) => {
    const given = stored.get(item) ?? null;
    const seen = given === null ? null : { points: given.points, graded_at: given.graded_at };
    return { item, points: Number(value), comment, seen };
  });
}

/** What is typed now without what was sent: what the teacher typed while the request ran stays. */
export function withoutSent(
  typed: ReadonlyMap<string, GivenPoints>,
  sent: ReadonlyMap<string, GivenPoints>,
): ReadonlyMap<string, GivenPoints> {
  return new Map([...typed].filter(([item, entry]) => sent.get(item) !== entry));
}

/** The name of the grader whose points a request would have replaced; null for any other error. */
export function otherGrader(error: unknown): string | null {
  if (!(error instanceof Problem) || error.status !== 409) return null;
  const { by } = error.body;
  if (typeof by !== "string") return null;
  return by === "key" ? GRADING.answerKey : by;
}

/** How long after the end an answer arrived: `1 s`, `2 min 10 s`, `3 h 5 min`. */
export function lateness(ms: number): string {
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 60 || s >= 3600) return formatSpan(s * 1000);
  const rest = s % 60;
  const minutes = formatSpan((s - rest) * 1000);
  return rest === 0 ? minutes : `${minutes} ${formatSpan(rest * 1000)}`;
}

export function answerText(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function keyText(key: AnswerKey): string {
  if (key === null) return "";
  if (typeof key === "string") return key;
  if (Array.isArray(key)) return key.join(", ");
  return key.tolerance === 0 ? String(key.value) : `${key.value} ± ${key.tolerance}`;
}
