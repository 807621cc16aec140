import { afterEach, describe, expect, test, vi } from "vitest";
import { nameCombination, Typing, watch } from "./listeners.ts";
import type { Payload } from "../session/frames.ts";

const press = (key: string, more: Partial<Record<"ctrlKey" | "metaKey" | "shiftKey" | "altKey", boolean>> = {}) =>
  nameCombination({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });

test("a few combinations are named, and no other key is", () => {
  expect(press("v", { ctrlKey: true })).toBe("paste");
  expect(press("P", { metaKey: true })).toBe("print");
  expect(press("I", { ctrlKey: true, shiftKey: true })).toBe("devtools");
  expect(press("F12")).toBe("devtools");
  for (const key of ["a", "v", "Enter", "Tab", "ArrowLeft"]) expect(press(key)).toBeNull();
  expect(press("v", { ctrlKey: true, altKey: true })).toBeNull();
});

describe("typing", () => {
  test("is stated when the hand rests: characters and time, nothing else", () => {
    const typing = new Typing();
    expect(typing.typed("a", 1, 0)).toBeNull();
    expect(typing.typed("a", 1, 300)).toBeNull();
    expect(typing.rest(1_000)).toBeNull();
    expect(typing.rest(2_300)).toEqual({ item: "a", chars: 2, ms: 300 });
    expect(typing.rest(9_000)).toBeNull();
  });

  test("ends with the item it was in, and after ten seconds", () => {
    const typing = new Typing();
    typing.typed("a", 1, 0);
    expect(typing.typed("b", 1, 100)).toEqual({ item: "a", chars: 1, ms: 0 });
    for (let ms = 200; ms < 10_100; ms += 100) expect(typing.typed("b", 1, ms)).toBeNull();
    expect(typing.typed("b", 1, 10_100)).toMatchObject({ item: "b", chars: 100 });
  });
});

describe("a watched page", () => {
  let stop = () => {};
  afterEach(() => {
    stop();
    document.body.innerHTML = "";
  });

  function watched(): { type: string; data: Payload | undefined }[] {
    const told: { type: string; data: Payload | undefined }[] = [];
    stop = watch(
      (type, data) => told.push({ type, data }),
      () => 0,
    ).stop;
    told.length = 0;
    return told;
  }

  test("states sizes and places of what is pasted, never the text", () => {
    document.body.innerHTML = '<section data-item="q1"><textarea></textarea></section>';
    const told = watched();
    const paste = new Event("paste", { bubbles: true });
    Object.assign(paste, { clipboardData: { getData: () => "secret text" } });
    document.querySelector("textarea")?.dispatchEvent(paste);
    expect(told).toEqual([{ type: "paste", data: { chars: 11, item: "q1" } }]);
    expect(JSON.stringify(told)).not.toContain("secret");
  });

  test("states that it lost and gained the focus", () => {
    const told = watched();
    window.dispatchEvent(new Event("blur"));
    window.dispatchEvent(new Event("focus"));
    expect(told.map((one) => one.type)).toEqual(["window_blur", "window_focus"]);
  });

  test("states how things stand at the start: a reload told nobody what it changed", () => {
    const record = vi.fn();
    sessionStorage.setItem("veritas-proctor-fullscreen", "1");
    stop = watch(record, () => 0).stop;
    expect(record.mock.calls.map(([type]) => type)).toContain("fullscreen_exit");
    expect(sessionStorage.getItem("veritas-proctor-fullscreen")).toBeNull();
  });

  test("states one change of the network once", () => {
    const told = watched();
    window.dispatchEvent(new Event("online"));
    window.dispatchEvent(new Event("online"));
    expect(told.filter((one) => one.type === "network_change")).toHaveLength(1);
  });

  test("states nothing after it ended", () => {
    const told = watched();
    stop();
    window.dispatchEvent(new Event("blur"));
    expect(told).toEqual([]);
  });
});
