// Makes values fit for the database: it accepts no NUL and no half of a surrogate pair. Pure.

import type { Json } from "./session/frames.ts";

export function cleanText(text: string): string {
  const whole = text.replaceAll("\0", "");
  return whole.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD");
}

/** Clean a text, or every text of a list; any other value is returned as it is. */
export function cleanValue(value: Json): Json {
  if (typeof value === "string") return cleanText(value);
  return Array.isArray(value) ? value.map(cleanValue) : value;
}
