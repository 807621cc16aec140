import { click, mount, unmountAll, update } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fakeSession, makeItem } from "../../testing.ts";
import { Overview } from "./overview.tsx";
import { Question } from "./question.tsx";

let session = fakeSession();
const onHandIn = vi.fn();

beforeEach(() => {
  session = fakeSession();
  onHandIn.mockClear();
});

afterEach(unmountAll);

test("the overview shows the progress and marks the current question", () => {
  session.answers.value = { b: "x" };
  const root = mount(<Overview session={session} onHandIn={onHandIn} />);
  expect(root.querySelector("h2")?.textContent).toBe("1 of 2 answered");
  expect(root.querySelector("progress")?.value).toBe(1);
  const links = [...root.querySelectorAll("#question-list button")];
  expect(links.map((link) => link.getAttribute("aria-current"))).toEqual(["step", null]);
  expect(links.map((link) => link.textContent)).toEqual(["1Prompt of anot answered", "2Prompt of banswered"]);
  update(() => (links[1] as HTMLElement).click());
  expect(session.open).toHaveBeenCalledWith(1);
  click(root, "Hand in…");
  expect(onHandIn).toHaveBeenCalled();
});

test("a question leads to the next one, the last one to handing in", () => {
  const root = mount(<Question session={session} onHandIn={onHandIn} />);
  expect(root.querySelector("h2")?.textContent).toBe("Question 1 of 2");
  click(root, "Next");
  expect(root.querySelector("h2")?.textContent).toBe("Question 2 of 2");
  expect(document.activeElement?.id).toBe("question");
  click(root, "Hand in…");
  expect(onHandIn).toHaveBeenCalledOnce();
  click(root, "Back");
  expect(session.at.value).toBe(0);
});

test("a question whose name every object inherits has no answer and no conflict", () => {
  session = fakeSession([makeItem("constructor", "text"), makeItem("toString")]);
  const overview = mount(<Overview session={session} onHandIn={onHandIn} />);
  expect(overview.querySelector("h2")?.textContent).toBe("0 of 2 answered");
  const root = mount(<Question session={session} onHandIn={onHandIn} />);
  expect(root.querySelector("[role=alert]")).toBeNull();
  expect(root.querySelector("textarea")?.value).toBe("");
});

test("an exam without questions says so", () => {
  session = fakeSession([]);
  expect(mount(<Question session={session} onHandIn={onHandIn} />).textContent).toContain("has no questions");
});

test("single and multiple choices are taken at once, in the order of the question", () => {
  session = fakeSession([makeItem("a", "choice", ["x", "y"]), makeItem("b", "multiple", ["p", "q", "r"])]);
  session.answers.value = { b: ["r"] };
  const root = mount(<Question session={session} onHandIn={onHandIn} />);
  update(() => root.querySelectorAll("input")[1]?.click());
  expect(session.choose).toHaveBeenLastCalledWith(session.item.value, "y");
  click(root, "Next");
  update(() => root.querySelectorAll("input")[0]?.click());
  expect(session.choose).toHaveBeenLastCalledWith(session.item.value, ["p", "r"]);
});

function enter(root: HTMLElement, text: string): HTMLInputElement | HTMLTextAreaElement {
  const field = root.querySelector("input, textarea") as HTMLInputElement;
  update(() => {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return field;
}

test("a text that is not a number stays in the field and is marked", () => {
  session = fakeSession([makeItem("a", "number")]);
  const root = mount(<Question session={session} onHandIn={onHandIn} />);
  enter(root, "3,14");
  expect(session.type).toHaveBeenLastCalledWith(session.item.value, 3.14);
  update(() => (session.unreadable.value = new Set(["a"])));
  expect(enter(root, "many").value).toBe("many");
  expect(session.setUnreadable).toHaveBeenLastCalledWith(session.item.value, true);
  expect(session.type).toHaveBeenCalledOnce();
  expect(root.textContent).toContain("This is not a number. It is not saved.");
});

test("a number field shows how it reads a text, and asks when it may mean two numbers", () => {
  session = fakeSession([makeItem("a", "number")]);
  session.type.mockImplementation((item, value) => (session.answers.value = { [item.item]: value }));
  const root = mount(<Question session={session} onHandIn={onHandIn} />);
  const status = () => root.querySelector('[role="status"]')?.textContent ?? "";
  enter(root, "13.5");
  expect(status()).toBe("");
  enter(root, "٣٫١٤");
  expect(status()).toBe("= 3.14");
  const field = enter(root, "13,500");
  expect(session.answers.value).toEqual({ a: 13.5 });
  expect(status()).toContain("= 13.5, or do you mean 13500? Until you choose, 13.5 is saved.");
  click(root, "13500");
  expect(session.answers.value).toEqual({ a: 13_500 });
  expect([field.value, status()]).toEqual(["13500", ""]);
  expect(session.flush).toHaveBeenCalledWith("a");
});

test("an answer that was changed in two places is shown twice, and the student chooses one", () => {
  session = fakeSession([makeItem("a", "text")]);
  session.conflicts.value = { a: { here: "my offline text", there: null, savedAt: 0 } };
  const root = mount(<Question session={session} onHandIn={onHandIn} />);
  const notice = root.querySelector('[role="alert"]') as HTMLElement;
  for (const part of ["On this device", "my offline text", "In another place, saved at ", "No answer"])
    expect(notice.textContent).toContain(part);
  click(notice, "Use this answer: On this device, before it was connected again");
  expect(session.settle).toHaveBeenCalledWith(session.item.value, "my offline text");
});

test("a text answer counts its words, and shows no more than is saved", () => {
  session = fakeSession([makeItem("a", "text")]);
  session.answers.value = { a: "one two" };
  const root = mount(<Question session={session} onHandIn={onHandIn} />);
  expect(root.textContent).toContain("2 words");
  const field = enter(root, "one two three");
  expect(session.type).toHaveBeenLastCalledWith(session.item.value, "one two three");
  expect(field.value).toBe("one two");
  update(() => (session.answers.value = { a: "x".repeat(29_999) }));
  expect(root.textContent).toContain("space for about 1 more character");
});
