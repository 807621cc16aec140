import { click, mount, unmountAll, update } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeSession, makeItem, STATUS } from "../../testing.ts";
import { HandIn } from "./hand-in.tsx";

let session = fakeSession();
const onClose = vi.fn();
const open = () => mount(<HandIn session={session} open onClose={onClose} />);

beforeEach(() => {
  session = fakeSession();
  onClose.mockClear();
});

afterEach(unmountAll);

test("questions without an answer are listed, and lead to the question", () => {
  session.answers.value = { a: "x" };
  const root = open();
  expect(root.textContent).toContain("One question has no answer:Question 2");
  click(root, "Question 2");
  expect(session.open).toHaveBeenCalledWith(1);
  expect(onClose).toHaveBeenCalled();
});

test("questions whose text is not saved are listed once", () => {
  session.answers.value = { a: "x", b: "y" };
  session.unreadable.value = new Set(["b"]);
  session.status.value = { ...STATUS, refused: new Map([["b", "too_large"]]) };
  const text = open().textContent ?? "";
  expect(text).toContain("All 2 questions are answered.");
  expect(text.match(/Question 2/g)).toHaveLength(1);
});

test.each([
  [["a"], "The question is answered."],
  [["a", "b"], "All 2 questions are answered."],
])("that all of %j are answered is said in the right number", (names, sentence) => {
  session = fakeSession(names.map((name) => makeItem(name)));
  session.answers.value = Object.fromEntries(names.map((name) => [name, "x"]));
  expect(open().textContent).toContain(sentence);
});

test("handing in closes the dialog, and shows what it waits for", async () => {
  const root = open();
  click(root, "Hand in now");
  await vi.waitFor(() => expect(onClose).toHaveBeenCalledOnce());
  update(() => (session.handingIn.value = "retrying"));
  expect(root.textContent).toContain("The server cannot be reached. Keep this page open");
  update(() => (session.handingIn.value = "waiting"));
  expect(root.textContent).toContain("Handing in… Many students are handing in right now.");
  click(root, "Hand in now");
  expect(session.handIn).toHaveBeenCalledOnce();
});

test("a refusal is shown, and the student can keep working", async () => {
  session.handIn.mockRejectedValueOnce(new Error("Not now."));
  const root = open();
  click(root, "Hand in now");
  await vi.waitFor(() => expect(root.querySelector('[role="alert"]')?.textContent).toBe("Not now."));
  click(root, "Keep working");
  expect(onClose).toHaveBeenCalled();
});
