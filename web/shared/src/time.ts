// The server's clock, estimated from many readings, and times in words. It must never use the wall clock of the user's
// device once a reading exists: the user can change it.

import { texts } from "./texts.ts";

export class ServerClock {
  #offset: number | null = null;
  #uncertainty = Infinity;

  /** `steady` is a monotonic clock in ms. */
  constructor(private readonly steady: () => number = () => performance.now()) {}

  /** Take a reading: the server wrote `serverAt` (ms since the epoch, exact to `coarse` ms) between `sent` (steady) and now. */
  read(serverAt: number, sent: number, coarse = 0): void {
    const received = this.steady();
    const uncertainty = (received - sent) / 2 + coarse;
    // An old reading becomes less exact over time: clocks drift by less than 0.1 ms per second.
    if (this.#offset === null || uncertainty <= this.#uncertainty) {
      this.#offset = serverAt - (sent + received) / 2;
      this.#uncertainty = uncertainty;
    } else {
      this.#uncertainty += 1;
    }
  }

  get isKnown(): boolean {
    return this.#offset !== null;
  }

  /** The server's time in ms since the epoch; before the first reading the time of this device. */
  now(): number {
    return this.#offset === null ? Date.now() : Math.round(this.steady() + this.#offset);
  }

  steadyNow(): number {
    return this.steady();
  }
}

export const clock = new ServerClock();

const pad = (n: number): string => String(n).padStart(2, "0");

/** Format a remaining time, as in 1:02:09 or 02:09. Never below zero. */
export function formatLeft(ms: number): string {
  const all = Math.max(0, Math.ceil(ms / 1000));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${pad(m)}:${pad(s)}`;
}

/** Format how long ago something was: "just now", "4 s ago", "3 min ago". */
export function formatAgo(ms: number): string {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (s < 1) return texts.time.justNow;
  if (s < 60) return texts.time.secondsAgo(s);
  if (s < 3600) return texts.time.minutesAgo(Math.floor(s / 60));
  if (s < 86_400) return texts.time.hoursAgo(Math.floor(s / 3600));
  return texts.time.daysAgo(Math.floor(s / 86_400));
}

/** Format a length of time: "45 s", "12 min", "1 h 30 min". */
export function formatSpan(ms: number): string {
  const s = Math.round(ms / 1000);
  if (s < 60) return texts.time.seconds(s);
  const min = Math.round(s / 60);
  if (min < 60) return texts.time.minutes(min);
  return min % 60 === 0 ? texts.time.hours(min / 60) : texts.time.hoursMinutes(Math.floor(min / 60), min % 60);
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Return a format for times that must not be mistaken: with the zone, which also tells the two of a repeated hour apart. */
export function momentFormat(locale?: string, timeZone?: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
    timeZone,
  });
}
const moment = momentFormat();
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const formatDateTime = (at: number): string => dateTime.format(at);
export const formatTime = (at: number): string => timeOfDay.format(at);
/** Format a time with its zone, such as an opening or a deadline. */
export const formatMoment = (at: number): string => moment.format(at);
/** Return the name of this device's time zone, as in Europe/Berlin. */
export const timeZone = (): string => moment.resolvedOptions().timeZone;
