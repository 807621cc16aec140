import { signal } from "@preact/signals";
import { Problem, Unreachable } from "@veritas/shared/api.ts";
import { go } from "@veritas/shared/route.ts";
import { click, mount, unmountAll, update } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { App } from "./app.tsx";
import { makeAttempt, makeEnrolment } from "./testing.ts";

const { api, login, sdk } = vi.hoisted(() => ({
  api: { get: vi.fn(), logout: vi.fn(() => Promise.resolve()) },
  login: {} as Record<string, unknown>,
  sdk: { start: vi.fn(), deliverStored: vi.fn(() => Promise.resolve()), SignedOut: Error },
}));
vi.mock("./login.ts", () => ({ api, login, isSignedOut: (error: unknown) => error instanceof Problem }));
vi.mock("@veritas/proctor", () => sdk);

const state = signal("in");
const text = (root: HTMLElement) => root.querySelector("main")?.textContent ?? "";

beforeEach(() => {
  vi.stubGlobal("scrollTo", vi.fn());
  vi.clearAllMocks();
  state.value = "in";
  const user = { value: { name: "Ada" } };
  Object.assign(login, { state, user, examId: { value: null }, resume: () => Promise.resolve() });
  sdk.start.mockReturnValue({ onStatus: vi.fn(), record: vi.fn(), finish: vi.fn(), stop: vi.fn() });
  go("/exam");
});

afterEach(unmountAll);

test("a user who is signed out can sign in", () => {
  state.value = "out";
  expect(text(mount(<App />))).toContain("Sign in to your exam");
});

test("while the sign-in is unknown the page waits, and says why it takes longer", async () => {
  state.value = "unknown";
  Object.assign(login, { resume: () => Promise.reject(new Unreachable()) });
  const root = mount(<App />);
  expect(text(root)).toContain("Loading…");
  await vi.waitFor(() => expect(text(root)).toContain("The server cannot be reached."));
});

test("the address chooses between the list and a notice", async () => {
  api.get.mockResolvedValue([makeEnrolment()]);
  const root = mount(<App />);
  await vi.waitFor(() => expect(text(root)).toContain("Your exams"));
  update(() => go("/exam?exam=exam"));
  await vi.waitFor(() => expect(text(root)).toContain("What is recorded during the exam"));
});

test("a running attempt opens the exam with the SDK, an ended one its result", async () => {
  api.get.mockResolvedValue(makeAttempt());
  go("/exam?attempt=attempt");
  const root = mount(<App />);
  await vi.waitFor(() => expect(text(root)).toContain("Question 1"));
  expect(sdk.start).toHaveBeenCalledOnce();
  unmountAll();
  api.get.mockResolvedValue(makeAttempt({ attempt_id: "other", status: "ended" }));
  go("/exam?attempt=other");
  const other = mount(<App />);
  await vi.waitFor(() => expect(text(other)).toContain("A teacher ended your exam"));
  expect(sdk.deliverStored).toHaveBeenCalledOnce();
});

test("going back keeps a running exam open, and the student can leave it for now", async () => {
  api.get.mockImplementation(async (path: string) => (path === "/student/exams" ? [] : makeAttempt()));
  go("/exam?attempt=attempt");
  const root = mount(<App />);
  await vi.waitFor(() => expect(text(root)).toContain("Question 1"));
  const back = () =>
    update(() => {
      history.replaceState(null, "", "/exam?exam=exam");
      window.dispatchEvent(new Event("popstate"));
    });
  await vi.waitFor(() => {
    back();
    expect(root.querySelector("dialog[open]")?.textContent).toContain("You are still in your exam");
  });
  expect(text(root)).toContain("Question 1");
  await vi.waitFor(() => expect(location.search).toBe("?attempt=attempt"), { timeout: 10_000 });
  click(root, "Stay in the exam");
  expect(root.querySelector("dialog[open]")).toBeNull();
  back();
  click(root, "Leave for now");
  await vi.waitFor(() => expect(text(root)).toContain("You have no exams"));
  expect(location.search).toBe("");
});

test("signing out returns to the list", async () => {
  api.get.mockResolvedValue([]);
  go("/exam?exam=exam");
  const root = mount(<App />);
  click(root, "Sign out");
  expect(location.search).toBe("");
  expect(api.logout).toHaveBeenCalledOnce();
});
