// Data and a session for tests of the views. It must never be part of a page.
import { computed, signal } from "@preact/signals";
import type { Status } from "@veritas/proctor";
import { vi } from "vitest";
import type { Answers, Conflict } from "./session/answers.ts";
import type { ExamSession, HandingIn, Message } from "./session/session.ts";
import type { AttemptView, Enrolment, Item, Receipt } from "./types.ts";

export const makeItem = (name: string, kind: Item["kind"] = "choice", choices: string[] = []): Item => ({
  item: name,
  kind,
  prompt: `Prompt of ${name}`,
  choices,
  points: 1,
});

export const STATUS: Status = {
  link: "open",
  over: null,
  detail: "",
  attempt: null,
  unsaved: new Set(),
  refused: new Map(),
  ackedMs: null,
  pending: 0,
  isStored: true,
  isStoring: false,
  dropped: 0,
  retryAtMs: null,
  rttMs: null,
};

export const makeAttempt = (more: object = {}): AttemptView =>
  ({
    attempt_id: "attempt",
    status: "in_progress",
    deadline: null,
    server_at: 0,
    paper: "shown",
    items: [makeItem("a"), makeItem("b")],
    answers: {},
    late: [],
    exam: { title: "Physics", monitored: false },
    receipt: null,
    record: null,
    ...more,
  }) as unknown as AttemptView;

export const makeEnrolment = (more: Partial<Enrolment> = {}): Enrolment =>
  ({
    exam_id: "exam",
    teacher: "Tess Example",
    title: "Physics",
    subject: "",
    topic: "",
    description: "",
    state: "open",
    duration_minutes: 90,
    opens_at: null,
    closes_at: null,
    monitored: true,
    notice: { version: 3, recorded: ["Your answers."], who_sees: "Your teachers.", kept_days: 90 },
    attempt: null,
    ...more,
  }) as Enrolment;

/** A session whose signals a test sets, and whose methods only note their calls. */
export function fakeSession(items: Item[] = [makeItem("a"), makeItem("b")]) {
  const attempt = signal(makeAttempt({ items }));
  const at = signal(0);
  const session = {
    attempt,
    at,
    answers: signal<Answers>({}),
    status: signal<Status | null>(STATUS),
    messages: signal<Message[]>([]),
    unread: signal<Message[]>([]),
    handingIn: signal<HandingIn>("no"),
    receipt: signal<Receipt | null>(null),
    typing: signal<ReadonlySet<string>>(new Set()),
    unreadable: signal<ReadonlySet<string>>(new Set()),
    conflicts: signal<{ [item: string]: Conflict }>({}),
    settle: vi.fn(),
    item: computed(() => attempt.value.items[at.value] ?? null),
    needsStream: computed(() => attempt.value.paper === "stream_required"),
    deadline: computed(() => attempt.value.deadline),
    open: vi.fn((index: number) => {
      at.value = index;
    }),
    choose: vi.fn(),
    type: vi.fn(),
    flush: vi.fn(),
    setUnreadable: vi.fn(),
    closeMessage: vi.fn(),
    timeIsOver: vi.fn(),
    pollPaper: vi.fn(),
    handIn: vi.fn(() => Promise.resolve()),
    continueHere: vi.fn(() => Promise.resolve()),
    proctor: { signedInAgain: vi.fn() },
  };
  return session as typeof session & ExamSession;
}
