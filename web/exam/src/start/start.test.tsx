import { Problem } from "@veritas/shared/api.ts";
import { button, click, mount, unmountAll, update } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { makeEnrolment } from "../testing.ts";
import { inOrder } from "./enrolments.ts";
import { ExamList } from "./exam-list.tsx";
import { NoticeView } from "./notice-view.tsx";
import { SignIn } from "./sign-in.tsx";

const { api, login } = vi.hoisted(() => ({
  api: { get: vi.fn(), post: vi.fn(), login: vi.fn(), loginByCode: vi.fn() },
  login: { examId: { value: null as string | null } },
}));
vi.mock("../login.ts", () => ({ api, login, isSignedOut: () => false }));

const text = (root: HTMLElement) => root.textContent ?? "";

beforeEach(() => {
  vi.stubGlobal("scrollTo", vi.fn());
  vi.resetAllMocks();
  login.examId.value = null;
  history.replaceState(null, "", "/exam");
});

afterEach(unmountAll);

describe("the list", () => {
  const show = async (...enrolments: object[]): Promise<HTMLElement> => {
    api.get.mockResolvedValue({ items: enrolments.map(makeEnrolment) });
    const root = mount(<ExamList />);
    await vi.waitFor(() => expect(text(root)).not.toContain("Loading"));
    return root;
  };

  test("starts with what the student can do now", () => {
    const states = (["closed", "done", "upcoming", "open", "running"] as const).map((state) =>
      makeEnrolment({ state }),
    );
    expect(inOrder(states).map(({ state }) => state)).toEqual(["running", "open", "upcoming", "done", "closed"]);
  });

  test("shows dates and the next step of each exam", async () => {
    const attempt = { attempt_id: "x", deadline: 5 };
    const root = await show(
      { state: "upcoming", opens_at: 1, title: "A" },
      { state: "open", closes_at: 1, title: "B" },
      { state: "running", attempt, title: "C" },
      { state: "done", attempt, title: "D" },
    );
    for (const part of ["Opens ", "You can start until ", "Ends ", "1 h 30 min", "Teacher: Tess Example"])
      expect(text(root)).toContain(part);
    click(root, "Open receipt and result: D");
    expect(location.search).toBe("?attempt=x");
    click(root, "Read the notice and start: B");
    expect(location.search).toBe("?exam=exam");
  });

  test("without an exam says what to do", async () => {
    const root = await show();
    expect(text(root)).toContain("You have no exams");
    click(root, "Load again");
    await vi.waitFor(() => expect(api.get).toHaveBeenCalledTimes(2));
  });

  test("of a sign-in with a code leads straight to its exam", async () => {
    login.examId.value = "exam";
    const entries = history.length;
    await show({ state: "open" });
    await vi.waitFor(() => expect(location.search).toBe("?exam=exam"));
    expect(history.length).toBe(entries);
  });

  test("that cannot be loaded can be loaded again", async () => {
    api.get.mockRejectedValue(new Problem(403, "forbidden", "Forbidden", "This is not allowed."));
    const root = mount(<ExamList />);
    await vi.waitFor(() => expect(text(root)).toContain("This is not allowed."));
    click(root, "Try again");
    expect(api.get).toHaveBeenCalledTimes(2);
  });
});

describe("the notice", () => {
  const show = async (more: object = {}): Promise<HTMLElement> => {
    api.get.mockResolvedValue([makeEnrolment(more)]);
    const root = mount(<NoticeView exam="exam" />);
    await vi.waitFor(() => expect(root.querySelector("h1")).not.toBeNull());
    return root;
  };

  test("says what is recorded, who sees it and for how long", async () => {
    const root = await show();
    for (const part of ["Your answers.", "Your teachers.", "90 days", "The exam runs in fullscreen."])
      expect(text(root)).toContain(part);
  });

  test("of an exam without monitoring lists the answers only", async () => {
    const root = await show({ notice: null, monitored: false });
    expect(text(root)).toContain("Your answers, and when you gave or changed each of them.");
    expect(text(root)).not.toContain("fullscreen");
  });

  test("must be confirmed before the exam starts, and its version is sent", async () => {
    api.post.mockResolvedValue({ attempt_id: "x" });
    const root = await show();
    click(root, "Start exam · 1 h 30 min");
    expect(api.post).not.toHaveBeenCalled();
    update(() => root.querySelector("input")?.click());
    click(root, "Start exam · 1 h 30 min");
    expect(api.post).toHaveBeenCalledWith("/student/exams/exam/start", { notice: 3 });
    await vi.waitFor(() => expect(location.search).toBe("?attempt=x"));
  });

  test("is loaded again when another one is valid now", async () => {
    api.post.mockRejectedValue(new Problem(409, "notice_changed", "Read the notice first", "The notice has changed."));
    const root = await show();
    api.get.mockResolvedValue([
      makeEnrolment({ notice: { ...makeEnrolment().notice, version: 4, recorded: ["More."] } }),
    ]);
    update(() => root.querySelector("input")?.click());
    click(root, "Start exam · 1 h 30 min");
    await vi.waitFor(() => expect(text(root)).toContain("More."));
    expect(root.querySelector("input")?.checked).toBe(false);
  });

  test("says who else gets data, and what the student can do", async () => {
    const notice = {
      ...makeEnrolment().notice,
      kept: ["Answers: 9 days."],
      shared: ["A model."],
      rights: ["Download."],
    };
    const root = await show({ notice });
    for (const part of ["Answers: 9 days.", "A model.", "Download.", "Your rights"]) expect(text(root)).toContain(part);
  });

  test("shows why the exam did not start", async () => {
    api.post.mockRejectedValue(new Problem(409, "conflict", "Conflict", "The exam has closed."));
    const root = await show({ state: "running" });
    update(() => root.querySelector("input")?.click());
    click(root, "Continue exam");
    await vi.waitFor(() => expect(root.querySelector('[role="alert"]')?.textContent).toBe("The exam has closed."));
    expect(button(root, "Continue exam").getAttribute("aria-busy")).toBeNull();
  });

  test("of an exam that is handed in leads to its result, in the same entry of the history", async () => {
    const entries = history.length;
    await show({ state: "done", attempt: { attempt_id: "x", deadline: null } });
    await vi.waitFor(() => expect(location.search).toBe("?attempt=x"));
    expect(history.length).toBe(entries);
  });

  test("in a browser that blocks site data says what to allow, and the exam can be started", async () => {
    vi.stubGlobal("indexedDB", {});
    expect(text(await show())).not.toContain("blocks the data");
    unmountAll();
    vi.spyOn(window, "localStorage", "get").mockImplementation(() => {
      throw new DOMException("denied", "SecurityError");
    });
    const root = await show();
    expect(text(root)).toContain("Your browser blocks the data of this page.");
    expect(text(root)).toContain("The exam also works without them.");
    vi.restoreAllMocks();
  });

  test("of an exam that is not open says so", async () => {
    const root = await show({ state: "closed" });
    expect(text(root)).toContain("You cannot start this exam now");
  });
});

describe("signing in", () => {
  const fill = (root: HTMLElement, index: number, value: string): void =>
    update(() => {
      const field = root.querySelectorAll("input")[index] as HTMLInputElement;
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  const submit = (root: HTMLElement): void =>
    update(() => root.querySelector("form")?.dispatchEvent(new Event("submit", { cancelable: true })));

  test("with a code sends it, and says when it is missing or not valid", async () => {
    api.loginByCode.mockRejectedValueOnce(new Problem(401, "unauthenticated", "", ""));
    const root = mount(<SignIn />);
    submit(root);
    expect(text(root)).toContain("Enter your code.");
    expect(api.loginByCode).not.toHaveBeenCalled();
    fill(root, 0, "7k2m 9qxa");
    submit(root);
    expect(api.loginByCode).toHaveBeenCalledWith("7k2m 9qxa", expect.any(AbortSignal));
    await vi.waitFor(() => expect(text(root)).toContain("This code is not valid."));
  });

  test("with a password trims the username only", () => {
    api.login.mockReturnValue(new Promise(() => {}));
    const root = mount(<SignIn />);
    click(root, "With a password");
    fill(root, 0, " ada ");
    submit(root);
    expect(text(root)).toContain("Enter your password.");
    fill(root, 1, " secret ");
    submit(root);
    submit(root);
    expect(api.login).toHaveBeenCalledExactlyOnceWith("ada", " secret ", null, expect.any(AbortSignal));
  });

  test("in a full hall waits for a place by itself", async () => {
    const busy = new Problem(503, "busy", "Busy", "Many users are signing in.", [], 1_000);
    api.loginByCode.mockRejectedValueOnce(busy).mockReturnValue(new Promise(() => {}));
    const root = mount(<SignIn />);
    fill(root, 0, "7k2m 9qxa");
    submit(root);
    await vi.waitFor(() => expect(text(root)).toContain("Many people are signing in right now."));
    await vi.waitFor(() => expect(text(root)).toContain("Trying again now."), 10_000);
    expect(api.loginByCode).toHaveBeenCalledTimes(2);
    click(root, "Stop trying");
  });

  test("shows any other error as it is", async () => {
    api.loginByCode.mockRejectedValue(new Problem(429, "too_many", "", "Too many tries. Wait a minute."));
    const root = mount(<SignIn />);
    fill(root, 0, "x");
    submit(root);
    await vi.waitFor(() => expect(text(root)).toContain("Too many tries. Wait a minute."));
  });
});
