// Announcements for screen readers and toasts: what is shown now, and how a page adds to it.
import { signal } from "@preact/signals";
import type { Tone } from "../display/badge.tsx";

interface Toast {
  id: number;
  text: string;
  tone: Tone;
}

const TOAST_MS = 6000;
/** A dialog that closes together with an announcement must be gone before the announcement appears. */
const SETTLE_MS = 100;

/** How many dialogs are open above the page. */
export const layers = signal(0);
export const toasts = signal<Toast[]>([]);
export const announced = signal({ polite: "", assertive: "" });
let lastToast = 0;

/** Announce a text to screen readers; nothing is shown. */
export function announce(text: string, how: "polite" | "assertive" = "polite"): void {
  setTimeout(() => {
    // A screen reader reads the same text again only if it differs.
    announced.value = { ...announced.value, [how]: announced.value[how] === text ? `${text}\u00a0` : text };
  }, SETTLE_MS);
}

/** Show and announce a text for a few seconds; a critical one stays until it is closed. */
export function toast(text: string, tone: Tone = "info"): void {
  const id = ++lastToast;
  toasts.value = [...toasts.value.slice(-3), { id, text, tone }];
  announce(text, tone === "critical" ? "assertive" : "polite");
  if (tone !== "critical") setTimeout(() => closeToast(id), TOAST_MS);
}

export const closeToast = (id: number): void => {
  toasts.value = toasts.value.filter((other) => other.id !== id);
};
