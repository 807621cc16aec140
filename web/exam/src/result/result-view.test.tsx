import { click, mount, unmountAll } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { makeAttempt } from "../testing.ts";
import type { Receipt, RecordView } from "../types.ts";
import { ResultView } from "./result-view.tsx";
import { recordTexts, resultTexts } from "./texts.ts";

const { api, login } = vi.hoisted(() => ({
  api: { get: vi.fn() },
  login: { examId: { value: null as string | null } },
}));
vi.mock("../login.ts", () => ({ api, login, isSignedOut: () => false }));

const RECEIPT: Receipt = {
  attempt_id: "attempt",
  status: "completed",
  submitted_at: 0,
  answers: 2,
  events: 40,
  streams: {},
  hash: "abc",
};

const RECORD: RecordView = {
  score: null,
  max_score: null,
  percentage: null,
  passed: null,
  grade_final: false,
  released: false,
  integrity: { score: null, status: "unknown" } as RecordView["integrity"],
  coverage: 0.904,
  summary: "",
  flags: [],
  recorded: [],
};

const text = (root: HTMLElement) => root.textContent ?? "";
const show = (more: object, props: object = {}) => mount(<ResultView first={makeAttempt(more)} {...props} />);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("scrollTo", vi.fn());
  api.get.mockReset();
  login.examId.value = null;
});

afterEach(() => {
  unmountAll();
  vi.useRealTimers();
});

test("answers that arrived late are named with their lateness, also those that arrive while the result is shown", async () => {
  const late = [
    { item: "b", late_ms: 45_200 },
    { item: "a", late_ms: 200 },
  ];
  api.get.mockResolvedValue(makeAttempt({ status: "timed_out", record: RECORD, late }));
  const root = show({ status: "timed_out", record: RECORD }, { deliver: () => Promise.resolve() });
  expect(text(root)).not.toContain("after the end");
  await vi.waitFor(() => expect(text(root)).toContain("Your answer to question 1 arrived 1 s after the end"));
  expect(text(root)).toContain(
    "question 2 arrived 45 s after the end and does not count by itself. Your teacher sees it.",
  );
});

describe("the headline", () => {
  const heading = (root: HTMLElement) => root.querySelector("h1")?.textContent;

  test("of an exam that was handed in", () => {
    const root = show({ status: "completed", receipt: RECEIPT });
    expect(heading(root)).toBe("Your exam is handed in");
    expect(document.title).toBe("Handed in: Physics · Veritas");
  });

  test("of an exam whose time is over", () => {
    const root = show({ status: "timed_out", receipt: RECEIPT });
    expect([heading(root), text(root).includes("Nothing that was saved is lost.")]).toEqual([
      "Your time is over",
      true,
    ]);
  });

  test("of an exam that a teacher ended, with the reason if it is known", () => {
    expect(text(show({ status: "ended" }, { because: "Two phones" }))).toContain("Reason: “Two phones”.");
    expect(text(show({ status: "ended" }))).toContain(
      "A teacher ended this attempt. Everything that was saved is kept.",
    );
  });

  test("while the server is still closing the attempt", () => {
    const root = show({ status: "in_progress" });
    expect([heading(root), text(root).includes("The server is handing in your answers.")]).toEqual([
      "Your exam is over",
      true,
    ]);
  });
});

describe("the receipt", () => {
  test("shows what the server has, and can be printed", () => {
    const print = vi.fn();
    vi.stubGlobal("print", print);
    const root = show({ status: "completed" }, { receipt: RECEIPT });
    expect(text(root.querySelector(".x-receipt") as HTMLElement)).toContain("Answers2Recorded events40");
    click(root, "Print or save");
    expect(print).toHaveBeenCalled();
    vi.unstubAllGlobals();
  });
});

describe("the record", () => {
  test("is polled until the server has computed it", async () => {
    api.get.mockResolvedValueOnce(makeAttempt({ status: "completed" }));
    api.get.mockResolvedValue(makeAttempt({ status: "completed", record: RECORD }));
    const root = show({ status: "completed" });
    expect(text(root)).toContain("This is being computed.");
    for (let n = 0; n < 4; n += 1) await vi.advanceTimersByTimeAsync(3_000);
    expect(api.get).toHaveBeenCalledTimes(2);
    expect(text(root)).toContain("90 % covered");
  });

  test("before the release shows neither points nor integrity", () => {
    const root = show({ status: "completed", record: RECORD });
    expect(text(root)).toContain("Not released yet. It appears here when it is released.");
    expect(text(root.querySelector(".v-badge") as HTMLElement)).toBe("Not released yet");
    expect(text(root)).toContain("No flags to show yet.");
    expect(text(root)).toContain("No recorded events are stored");
  });

  test("after the release shows points, grade and integrity", () => {
    const integrity = { score: 0.7, status: "warning" } as RecordView["integrity"];
    const graded = { score: 8, max_score: 10, percentage: 80, passed: true, released: true, integrity };
    const root = show({ status: "completed", record: { ...RECORD, ...graded } });
    for (const part of ["8 of 10 points", "80 %", "Passed", "Not final yet.", "Some concerns", "No flags."]) {
      expect(text(root)).toContain(part);
    }
  });

  test("shows each flag with the decision, and events by their first time", () => {
    const flag = {
      rule: "r",
      name: "left the page",
      severity: "critical",
      summary: "You left.",
      explanation: "",
      at: 0,
    };
    const recorded = [
      { event_type: "paste", count: 2, first_at: 20, last_at: 30 },
      { event_type: "new_event", count: 1, first_at: 10, last_at: 10 },
    ];
    const record = { ...RECORD, flags: [{ ...flag, status: "confirmed" }], recorded };
    const root = show({ status: "completed", record });
    expect(text(root.querySelector(".x-flags") as HTMLElement)).toContain("Confirmed by a reviewer");
    expect([...root.querySelectorAll('th[scope="row"]')].map((cell) => cell.textContent)).toEqual([
      "new event",
      "Pasted, dropped or inserted text (length only)",
    ]);
  });
});

test("a sign-in with a code has no list to return to", () => {
  const onLeave = vi.fn();
  click(show({ status: "completed" }, { onLeave }), "Back to your exams");
  expect(onLeave).toHaveBeenCalled();
  login.examId.value = "exam";
  expect(text(show({ status: "completed" }))).not.toContain("Back to your exams");
});

test.each(["constructor", "toString"])("the name %s, which every object inherits, is shown as it is", (name) => {
  const { eventName, flagStatus } = recordTexts;
  expect([eventName(name), flagStatus(name), resultTexts.heading(name)]).toEqual([name, name, name]);
});
