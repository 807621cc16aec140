import { clock } from "@veritas/shared/time.ts";
import { click, mount, unmountAll, update } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeSession, makeAttempt, STATUS } from "../../testing.ts";
import { ExamBar } from "./exam-bar.tsx";

const spoken = vi.hoisted(() => vi.fn());
vi.mock("@veritas/shared/ui/overlay/announcements.ts", async (original) => ({
  ...(await original<object>()),
  announce: spoken,
}));

let session = fakeSession();

beforeEach(() => {
  vi.useFakeTimers();
  spoken.mockClear();
  session = fakeSession();
});

afterEach(() => {
  unmountAll();
  vi.useRealTimers();
});

const pass = (ms: number) => update(() => vi.advanceTimersByTime(ms));

test("the clock counts down, announces the last minute, and reports the end", () => {
  session.attempt.value = makeAttempt({ deadline: clock.now() + 61_500 });
  const root = mount(<ExamBar session={session} />);
  const timer = root.querySelector('[role="timer"]') as HTMLElement;
  expect([timer.textContent, timer.dataset.tone]).toEqual(["01:02", "warning"]);
  pass(2_000);
  expect([timer.textContent, timer.dataset.tone]).toEqual(["01:00", "critical"]);
  expect(spoken).toHaveBeenCalledExactlyOnceWith("One minute left.");
  pass(61_000);
  expect(session.timeIsOver).toHaveBeenCalled();
});

test("an exam without a deadline has no clock", () => {
  expect(mount(<ExamBar session={session} />).querySelector('[role="timer"]')).toBeNull();
});

test("a lost connection is announced once, and the save after it", () => {
  session.status.value = { ...STATUS, ackedMs: 0 };
  const root = mount(<ExamBar session={session} />);
  const kind = () => (root.querySelector(".x-saving") as HTMLElement | null)?.dataset.kind;
  expect([kind(), spoken.mock.calls.length]).toEqual(["saved", 0]);
  update(() => (session.status.value = { ...STATUS, link: "waiting", ackedMs: 0 }));
  pass(3_000);
  expect(kind()).toBe("offline");
  update(() => (session.status.value = { ...STATUS, ackedMs: 0 }));
  expect(spoken.mock.calls.map(([text]) => text)).toEqual([
    "Offline. Everything so far is saved on the server.",
    "Saved on the server.",
  ]);
  update(() => (session.status.value = { ...STATUS, link: "elsewhere" }));
  expect(kind()).toBeUndefined();
});

test("a message is announced and stays open until it is read; all can be read again", () => {
  const message = { id: 1, text: "Ten more minutes.", at: 0 };
  session.messages.value = session.unread.value = [message];
  const root = mount(<ExamBar session={session} />);
  expect(spoken).toHaveBeenCalledWith("Message from your teacher: Ten more minutes.", "assertive");
  click(root, "I have read it");
  expect(session.closeMessage).toHaveBeenCalled();
  update(() => (session.unread.value = []));
  click(root, "1 message");
  expect(root.querySelector(".x-messages")?.textContent).toContain("Ten more minutes.");
});
