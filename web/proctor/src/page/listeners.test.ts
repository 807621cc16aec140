import { afterEach, describe, expect, test, vi } from "vitest";
import type { Payload } from "../session/frames.ts";
import { startListeners } from "./listeners.ts";

describe("a page with listeners", () => {
  let stop = () => {};
  afterEach(() => {
    stop();
    document.body.innerHTML = "";
  });

  function listen(): { type: string; data: Payload | undefined }[] {
    const recorded: { type: string; data: Payload | undefined }[] = [];
    stop = startListeners(
      (type, data) => recorded.push({ type, data }),
      () => 0,
    ).stop;
    recorded.length = 0;
    return recorded;
  }

  test("records the size and the item of a paste, never its text", () => {
    document.body.innerHTML = '<section data-item="q1"><textarea></textarea></section>';
    const recorded = listen();
    const paste = new Event("paste", { bubbles: true });
    Object.assign(paste, { clipboardData: { getData: () => "secret text" } });
    document.querySelector("textarea")?.dispatchEvent(paste);
    expect(recorded).toEqual([{ type: "paste", data: { chars: 11, item: "q1" } }]);
    expect(JSON.stringify(recorded)).not.toContain("secret");
  });

  test("records that it lost and got the focus", () => {
    const recorded = listen();
    window.dispatchEvent(new Event("blur"));
    window.dispatchEvent(new Event("focus"));
    expect(recorded.map((event) => event.type)).toEqual(["window_blur", "window_focus"]);
  });

  test("records its state at the start, because a reload causes no events", () => {
    const record = vi.fn();
    sessionStorage.setItem("veritas-proctor-fullscreen", "1");
    stop = startListeners(record, () => 0).stop;
    expect(record.mock.calls.map(([type]) => type)).toContain("fullscreen_exit");
    expect(sessionStorage.getItem("veritas-proctor-fullscreen")).toBeNull();
  });

  test("records one change of the network once", () => {
    const recorded = listen();
    window.dispatchEvent(new Event("online"));
    window.dispatchEvent(new Event("online"));
    expect(recorded.filter((event) => event.type === "network_change")).toHaveLength(1);
  });

  test("records nothing after it was stopped", () => {
    const recorded = listen();
    stop();
    window.dispatchEvent(new Event("blur"));
    expect(recorded).toEqual([]);
  });

  test("records copies, combinations and the context menu with their item, but no other key", () => {
    document.body.innerHTML = '<section data-item="q1"><input value="secret"></section><p>outside</p>';
    const field = document.querySelector("input") as HTMLInputElement;
    const recorded = listen();
    field.focus();
    field.setSelectionRange(0, 3);
    field.dispatchEvent(new Event("copy", { bubbles: true }));
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "c", ctrlKey: true, bubbles: true }));
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "c", bubbles: true }));
    document.querySelector("p")?.dispatchEvent(new MouseEvent("contextmenu", { bubbles: true }));
    expect(recorded.filter(({ type }) => !type.startsWith("window_"))).toEqual([
      { type: "copy", data: { chars: 3, item: "q1" } },
      { type: "key_combo", data: { combo: "copy", item: "q1" } },
      { type: "context_menu", data: {} },
    ]);
  });

  test("records text that was dropped as a paste, with how it came and its item", () => {
    document.body.innerHTML = '<section data-item="q1"><textarea></textarea></section>';
    const field = document.querySelector("textarea") as HTMLTextAreaElement;
    const recorded = listen();
    field.dispatchEvent(new InputEvent("beforeinput", { inputType: "insertFromDrop", bubbles: true }));
    field.value = "secret text";
    field.dispatchEvent(new InputEvent("input", { inputType: "insertFromDrop", bubbles: true }));
    expect(recorded).toEqual([{ type: "paste", data: { chars: 11, how: "drop", item: "q1" } }]);
    expect(JSON.stringify(recorded)).not.toContain("secret");
  });

  test("records text that was dragged inside the page as moved", () => {
    document.body.innerHTML = '<section data-item="q1"><textarea></textarea></section>';
    const field = document.querySelector("textarea") as HTMLTextAreaElement;
    const recorded = listen();
    const drop = () => {
      field.dispatchEvent(new InputEvent("beforeinput", { inputType: "insertFromDrop", bubbles: true }));
      field.value += "text";
      field.dispatchEvent(new InputEvent("input", { inputType: "insertFromDrop", bubbles: true }));
    };
    field.dispatchEvent(new Event("dragstart", { bubbles: true }));
    drop();
    field.dispatchEvent(new Event("dragend", { bubbles: true }));
    drop();
    expect(recorded.map(({ data }) => data?.how)).toEqual(["move", "drop"]);
  });

  test("records a burst of typing after a pause, and the last one when it is stopped", () => {
    document.body.innerHTML = '<section data-item="q1"><textarea></textarea></section>';
    const field = document.querySelector("textarea") as HTMLTextAreaElement;
    const record = vi.fn();
    let now = 0;
    const listeners = startListeners(record, () => now);
    const type = (data: string) => {
      field.dispatchEvent(new InputEvent("beforeinput", { inputType: "insertText", data, bubbles: true }));
      field.value += data;
      field.dispatchEvent(new InputEvent("input", { inputType: "insertText", data, bubbles: true }));
    };
    record.mockClear();
    type("a");
    now = 2_000;
    listeners.tick();
    expect(record.mock.calls).toEqual([["typing", { item: "q1", chars: 1, ms: 0 }]]);
    type("bc");
    listeners.stop();
    expect(record).toHaveBeenLastCalledWith("typing", { item: "q1", chars: 2, ms: 0 });
  });

  test("records the text of an error, cut to 200 characters", () => {
    const recorded = listen();
    window.dispatchEvent(new ErrorEvent("error", { message: "x".repeat(300) }));
    expect(recorded).toEqual([{ type: "client_error", data: { message: "x".repeat(200) } }]);
  });
});
