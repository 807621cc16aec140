// Every text that the shared code shows to a user, in one place for translation.
import type { Theme } from "./theme.ts";

const THEMES: Record<Theme, string> = { auto: "same as system", light: "light", dark: "dark" };

const counted = (one: string, many: string) => (n: number) => `${n} ${n === 1 ? one : many}`;

export const texts = {
  close: "Close",
  closeMessage: "Close this message",
  messages: "Messages",
  skipToContent: "Skip to content",
  mainNavigation: "Main",
  signOut: "Sign out",
  theme: (theme: Theme) => `Theme: ${THEMES[theme]}`,
  notEnoughData: "Not enough data",
  severity: {
    critical: { name: "Critical", count: counted("critical", "critical") },
    warning: { name: "Warning", count: counted("warning", "warnings") },
    normal: { name: "Note", count: counted("note", "notes") },
  },
  errors: {
    unreachable: "The server cannot be reached. Check your connection and try again.",
    signedOut: "You are signed out. Sign in again.",
  },
  signIn: {
    busy: "Many people are signing in right now. You need to do nothing: this page tries again by itself.",
    limited: "There were too many failed sign-ins. You need to do nothing: this page tries again by itself.",
    again: (seconds: number) => `Trying again in ${seconds} s.`,
    now: "Trying again now.",
    stop: "Stop trying",
  },
  time: {
    justNow: "just now",
    secondsAgo: (n: number) => `${n} s ago`,
    minutesAgo: (n: number) => `${n} min ago`,
    hoursAgo: (n: number) => `${n} h ago`,
    daysAgo: (n: number) => `${n} d ago`,
    seconds: (n: number) => `${n} s`,
    minutes: (n: number) => `${n} min`,
    hours: (n: number) => `${n} h`,
    hoursMinutes: (h: number, min: number) => `${h} h ${min} min`,
  },
} as const;
