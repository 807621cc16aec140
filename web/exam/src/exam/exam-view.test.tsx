import { click, mount, unmountAll, update } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { login } from "../login.ts";
import { fakeSession, makeAttempt, STATUS } from "../testing.ts";
import { ExamView } from "./exam-view.tsx";

let session = fakeSession();

beforeEach(() => {
  vi.stubGlobal("scrollTo", vi.fn());
  session = fakeSession();
});

afterEach(unmountAll);

test("the exam has its title as heading and title of the page", () => {
  const root = mount(<ExamView session={session} />);
  expect(root.querySelector("h1")?.textContent).toBe("Physics");
  expect(document.title).toBe("Physics · Veritas");
});

test.each([
  [{ link: "elsewhere" as const }, "another tab of this browser"],
  [{ link: "over" as const, over: "superseded" as const }, "another window or on another device"],
])("an exam that is open elsewhere (%j) can be continued here", (more, where) => {
  session.status.value = { ...STATUS, ...more };
  const root = mount(<ExamView session={session} />);
  expect(root.querySelector("h1")?.textContent).toContain(where);
  click(root, "Continue here");
  expect(session.continueHere).toHaveBeenCalledOnce();
});

test("what stops the student is shown above the questions", () => {
  session.attempt.value = makeAttempt({ deadline: 1 });
  session.status.value = { ...STATUS, link: "over", over: "refused", detail: "too many" };
  const root = mount(<ExamView session={session} />);
  const texts = [...root.querySelectorAll(".x-top .v-notice")].map((notice) => notice.textContent);
  expect(texts[0]).toContain("Your time is over.");
  expect(texts[1]).toContain("The server refuses the connection (too many).");
});

test("a user who is signed out can sign in again, and the session continues", () => {
  session.status.value = { ...STATUS, link: "over", over: "signed_out" };
  const root = mount(<ExamView session={session} />);
  expect(root.textContent).toContain("You are signed out.");
  expect(login.state.value).toBe("unknown");
  expect(session.proctor.signedInAgain).toHaveBeenCalled();
});

test("an exam outside fullscreen offers to enter it", () => {
  const request = vi.fn(() => Promise.resolve());
  Object.assign(document, { fullscreenEnabled: true });
  Object.defineProperty(document, "fullscreenElement", { value: null, writable: true, configurable: true });
  Object.assign(document.documentElement, { requestFullscreen: request });
  session.attempt.value = makeAttempt({ exam: { title: "Physics", monitored: true } });
  const root = mount(<ExamView session={session} />);
  click(root, "Enter fullscreen");
  expect(request).toHaveBeenCalledOnce();
  update(() => {
    Object.assign(document, { fullscreenElement: document.body });
    document.dispatchEvent(new Event("fullscreenchange"));
  });
  expect(root.textContent).not.toContain("should be taken in fullscreen");
});

test("without a connection a monitored exam shows no questions, and after a while whom to ask", () => {
  vi.useFakeTimers();
  session.attempt.value = { ...makeAttempt({ items: [] }), paper: "stream_required" };
  session.status.value = { ...STATUS, link: "waiting" };
  const root = mount(<ExamView session={session} />);
  expect(root.textContent).toContain("Your questions appear as soon as this page is connected.");
  expect(root.textContent).not.toContain("ask your invigilator");
  update(() => vi.advanceTimersByTime(11_000));
  expect(root.textContent).toContain("ask your invigilator");
  expect(session.pollPaper).toHaveBeenCalled();
  vi.useRealTimers();
});
