/** Events of an attempt in words: the type, and what its payload contains. Pure. */

import { own } from "@veritas/shared/lookup/own.ts";
import { formatSpan } from "@veritas/shared/time.ts";
import { CLOCKS, DETAILS, EVENTS } from "../texts/events.ts";
import { readable } from "./names.ts";
import { count, percent, shorten } from "./numbers.ts";

type Payload = Readonly<Record<string, unknown>>;

export function eventText(type: string): string {
  return own(EVENTS, type) ?? readable(type);
}

type Format = (value: never, data: Payload, type: string) => string | null;

/** By field: the type of value that is shown, and how. The order is the order in the text. */
const FIELDS: readonly (readonly [field: string, type: "number" | "string" | "boolean" | "any", Format])[] = [
  ["chars", "number", (chars: number) => count(chars, "character")],
  ["ms", "number", (ms: number, _, type) => (type === "alive" ? null : DETAILS.within(formatSpan(ms)))],
  ["n", "number", (n: number) => String(n)],
  ["item", "string", (item: string) => DETAILS.question(item)],
  ["value", "any", (value: unknown) => `“${shorten(typeof value === "string" ? value : JSON.stringify(value))}”`],
  ["label", "string", (label: string) => label],
  ["on_screen", "boolean", (isOnScreen: boolean) => (isOnScreen ? DETAILS.onScreen : DETAILS.offScreen)],
  ["confidence", "number", (share: number) => DETAILS.confidence(percent(share))],
  ["cause", "string", (cause: string) => DETAILS.cause(cause.replaceAll("_", " "))],
  ["silent_ms", "number", (ms: number) => DETAILS.silent(formatSpan(ms))],
  ["lost", "number", (lost: number, { of }) => (typeof of === "number" ? DETAILS.share(lost, of) : null)],
  ["connected", "boolean", (isConnected: boolean) => (isConnected ? DETAILS.connected : null)],
  [
    "kind",
    "string",
    (kind: string, _, type) => (type === "clock_mismatch" ? (own(CLOCKS, kind) ?? readable(kind)) : null),
  ],
  ["by", "string", (by: string) => DETAILS.by(by)],
  ["from", "number", (seq: number, _, type) => (type === "clock_mismatch" ? null : DETAILS.from(seq))],
  ["reason", "string", (reason: string) => reason],
];

/** The payload of an event in words; empty when there is nothing to show. */
export function eventDetail(type: string, data: Payload): string {
  const parts = FIELDS.map(([field, kind, format]) => {
    const value = own(data, field);
    if (value === undefined || value === null || (kind !== "any" && typeof value !== kind)) return null;
    return format(value as never, data, type);
  });
  return parts.filter((part) => part !== null).join(" · ");
}
