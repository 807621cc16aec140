/** Points as they are typed, and answers in words. Pure. */

import { points } from "../../format/numbers.ts";
import type { AnswerKey, GradedItem } from "../../rest/types.ts";
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
