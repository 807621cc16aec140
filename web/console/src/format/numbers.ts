/** Numbers, counts and shortened texts, in English. Pure; it reads no clock. */

import { COUNTED } from "../texts/words.ts";

/** A count with its noun: `1 flag`, `1,234 students`. */
export function count(n: number, noun: keyof typeof COUNTED): string {
  const [singular, plural] = COUNTED[noun];
  return `${n.toLocaleString("en")} ${n === 1 ? singular : plural}`;
}

/** The duration of an exam: `45 minutes`, `1 hour`, `1 h 30 min`. */
export function duration(minutes: number): string {
  if (minutes < 60) return count(minutes, "minute");
  const rest = minutes % 60;
  return rest === 0 ? count(minutes / 60, "hour") : `${Math.floor(minutes / 60)} h ${rest} min`;
}

/** A share of 1 in whole percent. Only an exact 0 or 1 is shown as 0 % or 100 %. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  if (rounded === 100 && share < 1) return "99 %";
  if (rounded === 0 && share > 0) return "1 %";
  return `${rounded} %`;
}

export function points(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 2 });
}

export function shorten(text: string, limit = 80): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).trimEnd()}…`;
}
