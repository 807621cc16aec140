// The server's clock as this page knows it: the best of many readings, carried on by a clock nobody can set.
// The machine's own wall clock is never believed.

export class ServerClock {
  #offset: number | null = null;
  #uncertainty = Infinity;

  /** `steady` must never step; tests give their own. */
  constructor(private readonly steady: () => number = () => performance.now()) {}

  /** Take a reading: `serverAt` (ms since the epoch, `coarse` ms exact) was written between `sent` (steady) and now. */
  read(serverAt: number, sent: number, coarse = 0): void {
    const received = this.steady();
    const uncertainty = (received - sent) / 2 + coarse;
    // An old reading loses worth slowly: clocks drift by less than 0.1 ms a second.
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

  /** Now, by the server, in ms since the epoch; until the first reading the machine's own word. */
  now(): number {
    return this.#offset === null ? Date.now() : Math.round(this.steady() + this.#offset);
  }

  steadyNow(): number {
    return this.steady();
  }
}

export const clock = new ServerClock();

const pad = (n: number): string => String(n).padStart(2, "0");

/** What is left of a time, as in 1:02:09 or 02:09; never below zero. */
export function formatLeft(ms: number): string {
  const all = Math.max(0, Math.ceil(ms / 1000));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${pad(m)}:${pad(s)}`;
}

/** How long ago, in the words of a status line: "just now", "4 s ago", "3 min ago". */
export function formatAgo(ms: number): string {
  const s = Math.floor(Math.max(0, ms) / 1000);
  if (s < 1) return "just now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86_400)} d ago`;
}

/** A length of time in words: "45 s", "12 min", "1 h 30 min". */
export function formatSpan(ms: number): string {
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s} s`;
  const min = Math.round(s / 60);
  if (min < 60) return `${min} min`;
  return min % 60 === 0 ? `${min / 60} h` : `${Math.floor(min / 60)} h ${min % 60} min`;
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const formatDateTime = (at: number): string => dateTime.format(at);
export const formatTime = (at: number): string => timeOfDay.format(at);
