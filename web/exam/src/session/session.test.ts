import type { Instruct, RestoredAnswer, StartOptions, Status } from "@veritas/proctor";
import { type Api, Problem, Unreachable } from "@veritas/shared/api.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AttemptView, Item } from "../types.ts";
import { ExamSession } from "./session.ts";

const sdk = vi.hoisted(() => ({ start: vi.fn(), deliverStored: vi.fn() }));
vi.mock("@veritas/proctor", () => sdk);

const item = (name: string, kind: Item["kind"]): Item => ({ item: name, kind, prompt: name, choices: [], points: 1 });
const CHOICE = item("a", "choice");
const TEXT = item("b", "text");
const NUMBER = item("c", "number");

const STATUS: Status = {
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

const local = (name: string, value: string): RestoredAnswer => ({ item: name, value, at: Date.now(), isStored: false });

const attemptOf = (more: object = {}): AttemptView =>
  ({
    attempt_id: "one",
    status: "in_progress",
    deadline: null,
    paper: "shown",
    items: [CHOICE, TEXT, NUMBER],
    answers: {},
    exam: { title: "Physics", monitored: true },
    receipt: null,
    record: null,
    ...more,
  }) as unknown as AttemptView;

/** The SDK as the session uses it: it notes what is recorded. */
class FakeProctor {
  recorded: unknown[][] = [];
  status: Status = STATUS;
  position = { stream: "s", last_seq: 3 };
  isDrained = true;
  options!: StartOptions;
  private listener: (status: Status) => void = () => {};

  record = (type: string, data?: unknown) => this.recorded.push([type, data]);
  answered = (name: string, value: unknown) => this.recorded.push(["answered", name, value]);
  draft = (name: string, text: string) => this.recorded.push(["draft", name, text]);
  drained = () => Promise.resolve(this.isDrained);
  finish = vi.fn();
  stop = vi.fn();
  continueHere = vi.fn();
  onStatus = (listener: (status: Status) => void) => {
    this.listener = listener;
  };

  setStatus(more: Partial<Status>): void {
    this.status = { ...this.status, ...more };
    this.listener(this.status);
  }
}

let proctor: FakeProctor;
let api: { get: ReturnType<typeof vi.fn>; post: ReturnType<typeof vi.fn> };

const open = (more: object = {}): ExamSession => new ExamSession(api as unknown as Api, attemptOf(more));

beforeEach(() => {
  vi.useFakeTimers();
  sessionStorage.clear();
  proctor = new FakeProctor();
  sdk.start.mockImplementation((options: StartOptions) => {
    proctor.options = options;
    return proctor;
  });
  api = { get: vi.fn(async () => attemptOf()), post: vi.fn() };
});

afterEach(() => {
  vi.useRealTimers();
});

describe("an answer", () => {
  test("by choice is recorded at once", () => {
    const session = open();
    session.choose(CHOICE, "x");
    expect(proctor.recorded.at(-1)).toEqual(["answered", "a", "x"]);
    expect(session.answers.value).toEqual({ a: "x" });
  });

  test("by typing is recorded after a pause of a second, as one draft", () => {
    const session = open();
    session.type(TEXT, "He");
    vi.advanceTimersByTime(900);
    session.type(TEXT, "Hello");
    expect([...session.typing.value]).toEqual(["b"]);
    vi.advanceTimersByTime(999);
    expect(proctor.recorded.at(-1)?.[0]).toBe("item_opened");
    vi.advanceTimersByTime(1);
    expect(proctor.recorded.at(-1)).toEqual(["draft", "b", "Hello"]);
    expect(session.typing.value.size).toBe(0);
  });

  test("by typing without a pause is recorded after two seconds", () => {
    const session = open();
    proctor.setStatus({});
    for (let n = 1; n <= 4; n += 1) {
      session.type(TEXT, "x".repeat(n));
      vi.advanceTimersByTime(500);
    }
    expect(proctor.recorded.at(-1)).toEqual(["draft", "b", "xxxx"]);
  });

  test("of a number is recorded as a number, when the field is left", () => {
    const session = open();
    session.type(NUMBER, 12);
    session.flush("c");
    expect(proctor.recorded.at(-1)).toEqual(["answered", "c", 12]);
  });

  test("over the size limit is cut", () => {
    const session = open();
    session.type(TEXT, "x".repeat(40_000));
    expect(String(session.answers.value.b).length).toBe(30_000);
  });

  test("that this device stored is restored, unless the student has changed it since", () => {
    const session = open({ answers: { a: { value: "old", revision: 1, saved_at: 1, stream: "s" } } });
    session.choose(CHOICE, "new");
    proctor.options.onRestored?.([local("a", "stored"), local("b", "stored")], new Set(["s"]));
    expect(session.answers.value).toEqual({ a: "new", b: "stored" });
  });

  test("that was changed here and elsewhere is settled by the student, and recorded again", () => {
    const session = open({ answers: { b: { value: "there", revision: 1, saved_at: 7, stream: "other" } } });
    proctor.options.onRestored?.([local("b", "here")], new Set(["s"]));
    expect(session.answers.value).toEqual({ b: "there" });
    expect(session.conflicts.value).toEqual({ b: { here: "here", there: "there", savedAt: 7 } });
    session.settle(TEXT, "there");
    expect(proctor.recorded.at(-1)).toEqual(["draft", "b", "there"]);
    expect([session.conflicts.value, session.answers.value]).toEqual([{}, { b: "there" }]);
  });
});

describe("the questions", () => {
  test("are opened one at a time; what is typed is recorded before", () => {
    const session = open();
    session.type(TEXT, "Hello");
    session.open(1);
    expect(proctor.recorded.slice(-2)).toEqual([
      ["draft", "b", "Hello"],
      ["item_opened", { item: "b" }],
    ]);
    session.open(7);
    expect(session.at.value).toBe(1);
  });

  test("continue with the same one after a reload", () => {
    open().open(2);
    expect(open().item.value).toEqual(NUMBER);
    expect(open({ attempt_id: "another" }).at.value).toBe(0);
  });

  test("whose number cannot be read are marked", () => {
    const session = open();
    session.setUnreadable(NUMBER, true);
    expect([...session.unreadable.value]).toEqual(["c"]);
    session.setUnreadable(NUMBER, false);
    expect(session.unreadable.value.size).toBe(0);
  });
});

describe("handing in", () => {
  test("sends the position in the stream, and is over with the receipt", async () => {
    const session = open();
    api.post.mockResolvedValue({ hash: "h" });
    await session.handIn();
    expect(api.post).toHaveBeenCalledWith("/student/exams/one/submit", { stream: "s", last_seq: 3 });
    expect(session.isOver.value).toBe(true);
    expect(session.handingIn.value).toBe("no");
  });

  test("sends answers along that could not be delivered", async () => {
    const session = open();
    session.choose(CHOICE, "x");
    proctor.isDrained = false;
    proctor.setStatus({ unsaved: new Set(["a"]) });
    api.post.mockResolvedValue({ hash: "h" });
    await session.handIn();
    expect(api.post.mock.calls[0]?.[1]).toMatchObject({ answers: [{ item: "a", value: "x" }] });
  });

  test("is tried again until the server can be reached", async () => {
    const session = open();
    api.post.mockRejectedValueOnce(new Unreachable()).mockResolvedValue({ hash: "h" });
    const done = session.handIn();
    await vi.advanceTimersByTimeAsync(0);
    expect(session.handingIn.value).toBe("retrying");
    await vi.advanceTimersByTimeAsync(4_500);
    await done;
    expect(api.post).toHaveBeenCalledTimes(2);
  });

  test.each([
    [0, 1_000],
    [0.5, 2_000],
    [0.99, 2_980],
  ])("a busy server is no failure: it waits a random part of the named pause (%d)", async (random, pauseMs) => {
    const session = new ExamSession(api as unknown as Api, attemptOf(), () => random);
    api.post.mockRejectedValueOnce(new Problem(503, "busy", "Busy", "", [], 2_000)).mockResolvedValue({ hash: "h" });
    const done = session.handIn();
    await vi.advanceTimersByTimeAsync(0);
    expect(session.handingIn.value).toBe("waiting");
    await vi.advanceTimersByTimeAsync(pauseMs - 1);
    expect(api.post).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    await done;
    expect(api.post).toHaveBeenCalledTimes(2);
    expect(session.isOver.value).toBe(true);
    session.leave();
  });

  test("ends quietly when the attempt is over already, and reports any other refusal", async () => {
    const session = open();
    api.post.mockRejectedValue(new Problem(409, "conflict", "Conflict", ""));
    await expect(session.handIn()).rejects.toBeInstanceOf(Problem);
    api.get.mockResolvedValue(attemptOf({ status: "timed_out" }));
    await session.handIn();
    expect(session.isOver.value).toBe(true);
  });
});

describe("an instruction", () => {
  const instruct = (more: object): Instruct =>
    ({ t: "instruct", id: 1, action: "message", issued_at: 5, valid_until: null, body: {}, ...more }) as Instruct;

  test("to show a message keeps it until it is closed", () => {
    const session = open();
    expect(proctor.options.onInstruction?.(instruct({ body: { text: "Hi" } }))).toBeNull();
    expect(session.unread.value).toEqual([{ id: 1, text: "Hi", at: 5 }]);
    session.closeMessage();
    expect([session.unread.value.length, session.messages.value.length]).toEqual([0, 1]);
  });

  test("that has expired is refused", () => {
    open();
    expect(proctor.options.onInstruction?.(instruct({ valid_until: 1 }))).toBe("expired");
  });

  test("to end keeps the reason and loads the attempt again", () => {
    const session = open();
    proctor.options.onInstruction?.(instruct({ action: "end", body: { reason: "Two phones" } }));
    expect(session.endedBecause.value).toBe("Two phones");
    expect(api.get).toHaveBeenCalledOnce();
  });
});

describe("the end of the time", () => {
  test("polls the server every two seconds until it has ended the attempt", async () => {
    const session = open();
    for (const now of [0, 1_000, 2_000]) session.timeIsOver(now);
    expect(api.get).toHaveBeenCalledTimes(2);
    expect(session.isOver.value).toBe(false);
    api.get.mockResolvedValue(attemptOf({ status: "timed_out" }));
    session.timeIsOver(4_000);
    await vi.advanceTimersByTimeAsync(0);
    expect(session.isOver.value).toBe(true);
  });

  test("takes the deadline of the live status before that of the attempt", () => {
    const session = open({ deadline: 10 });
    expect(session.deadline.value).toBe(10);
    proctor.setStatus({ attempt: { status: "in_progress", deadline: 20, paused: false } });
    expect(session.deadline.value).toBe(20);
  });
});

test("after another tab was in charge, the attempt is loaded again", () => {
  open();
  proctor.setStatus({ link: "elsewhere" });
  expect(api.get).not.toHaveBeenCalled();
  proctor.setStatus({ link: "open" });
  expect(api.get).toHaveBeenCalledOnce();
});

test("closing the page asks only if changes are stored nowhere else", () => {
  const session = open();
  const close = () => {
    const event = new Event("beforeunload", { cancelable: true });
    window.dispatchEvent(event);
    return event.defaultPrevented;
  };
  expect(close()).toBe(false);
  proctor.setStatus({ unsaved: new Set(["a"]), isStored: false });
  expect(close()).toBe(true);
  session.leave();
  expect(close()).toBe(false);
  expect(proctor.stop).toHaveBeenCalled();
});

describe("the questions of a monitored exam", () => {
  const withheld = { paper: "stream_required", items: [] };

  test("are loaded when the connection opens, with what this device still stores", async () => {
    proctor.status = { ...STATUS, link: "connecting" };
    const session = open(withheld);
    expect(session.needsStream.value).toBe(true);
    expect(proctor.recorded).toEqual([]);
    proctor.options.onRestored?.([local("a", "mine")], new Set(["s"]));
    api.get.mockResolvedValue(attemptOf({ answers: { b: { value: "saved", revision: 1, saved_at: 1, stream: "s" } } }));
    proctor.setStatus({ link: "open" });
    await vi.advanceTimersByTimeAsync(0);
    expect(session.needsStream.value).toBe(false);
    expect(session.answers.value).toEqual({ a: "mine", b: "saved" });
    expect(proctor.recorded).toEqual([["item_opened", { item: "a" }]]);
  });

  test("are asked for every two seconds until someone waives the connection", async () => {
    proctor.status = { ...STATUS, link: "waiting" };
    const session = open(withheld);
    api.get.mockResolvedValue(attemptOf(withheld));
    for (const now of [0, 1_000, 2_000, 3_000, 4_000]) session.pollPaper(now);
    await vi.advanceTimersByTimeAsync(0);
    expect(api.get).toHaveBeenCalledTimes(3);
    api.get.mockResolvedValue(attemptOf());
    session.pollPaper(6_000);
    await vi.advanceTimersByTimeAsync(0);
    expect(session.attempt.value.items).toHaveLength(3);
    session.pollPaper(8_000);
    expect(api.get).toHaveBeenCalledTimes(4);
  });

  test("stay on the page when the connection is lost later", async () => {
    const session = open();
    session.choose(CHOICE, "x");
    api.get.mockResolvedValue(attemptOf({ ...withheld, status: "in_progress", deadline: 9 }));
    await session.reload();
    expect(session.attempt.value.items).toHaveLength(3);
    expect(session.attempt.value.deadline).toBe(9);
    expect(session.answers.value).toEqual({ a: "x" });
  });
});
