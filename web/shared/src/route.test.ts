import { beforeEach, expect, test, vi } from "vitest";
import { followLinks, go, match, path, search } from "./route.ts";

beforeEach(() => {
  vi.stubGlobal("scrollTo", vi.fn());
  go("/start");
});

test("go changes the address and the signals, and back restores them", () => {
  go("/console/exams?q=a");
  expect([path.value, search.value, location.pathname]).toEqual(["/console/exams", "?q=a", "/console/exams"]);
  history.replaceState(null, "", "/start");
  dispatchEvent(new PopStateEvent("popstate"));
  expect([path.value, search.value]).toEqual(["/start", ""]);
});

test("replace adds no entry to the history and does not scroll", () => {
  vi.mocked(scrollTo).mockClear();
  const entries = history.length;
  go("/other", { replace: true });
  expect([history.length, path.value]).toEqual([entries, "/other"]);
  expect(scrollTo).not.toHaveBeenCalled();
});

test("match returns the named parts, decoded, or null", () => {
  expect(match("/console/exams/:exam", "/console/exams/a%20b/")).toEqual({ exam: "a b" });
  expect(match("/console", "/console")).toEqual({});
  expect(match("/console/exams/:exam", "/console/exams")).toBeNull();
  expect(match("/console/exams", "/console/users")).toBeNull();
});

test("only plain clicks on links below the root stay in the page", () => {
  document.body.innerHTML =
    '<a id="in" href="/console/exams?q=1">a</a><a id="out" href="/exam">b</a><a id="new" href="/console" target="_blank">c</a>';
  const follow = followLinks("/console");
  const click = (id: string, more: MouseEventInit = {}): boolean => {
    const event = new MouseEvent("click", { bubbles: true, cancelable: true, ...more });
    let isFollowed = false;
    document.body.addEventListener("click", follow, { once: true });
    // The test itself must not leave the page.
    const stay = (clicked: Event) => {
      isFollowed = clicked.defaultPrevented;
      clicked.preventDefault();
    };
    document.addEventListener("click", stay, { once: true });
    document.getElementById(id)?.dispatchEvent(event);
    return isFollowed;
  };
  expect(click("in")).toBe(true);
  expect([path.value, search.value]).toEqual(["/console/exams", "?q=1"]);
  expect(click("in", { ctrlKey: true })).toBe(false);
  expect(click("new")).toBe(false);
  expect(click("out")).toBe(false);
  expect(path.value).toBe("/console/exams");
});
