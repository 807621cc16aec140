import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Button } from "../controls/button.tsx";
import { click, mount, unmountAll, update } from "../testing.ts";
import { announce, announced, toast, toasts } from "./announcements.ts";
import { Announcer } from "./announcer.tsx";
import { Dialog } from "./dialog.tsx";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  unmountAll();
  toasts.value = [];
  announced.value = { polite: "", assertive: "" };
  vi.useRealTimers();
});

const pass = (ms: number) => update(() => vi.advanceTimersByTime(ms));
const live = (root: ParentNode, how: string) => root.querySelector(`[aria-live="${how}"]`)?.textContent ?? "";

describe("an announcement", () => {
  test("reaches the live region of its urgency", () => {
    const root = mount(<Announcer />);
    announce("Saved.");
    announce("Lost.", "assertive");
    pass(100);
    expect([live(root, "polite"), live(root, "assertive")]).toEqual(["Saved.", "Lost."]);
  });

  test("is read again when it is the same", () => {
    const root = mount(<Announcer />);
    announce("Saved.");
    pass(100);
    const before = live(root, "polite");
    announce("Saved.");
    pass(100);
    expect(live(root, "polite")).not.toBe(before);
    expect(live(root, "polite").trim()).toBe("Saved.");
  });
});

describe("a toast", () => {
  test("disappears after six seconds, a critical one when it is closed", () => {
    const root = mount(<Announcer />);
    update(() => {
      toast("Done.", "good");
      toast("Failed.", "critical");
    });
    expect(root.querySelectorAll(".v-toast")).toHaveLength(2);
    pass(6_000);
    expect([...root.querySelectorAll(".v-toast")].map((shown) => shown.textContent)).toEqual(["Failed."]);
    click(root, "Close this message");
    expect(root.querySelectorAll(".v-toast")).toHaveLength(0);
  });

  test("replaces the oldest of four", () => {
    for (const text of ["1", "2", "3", "4", "5"]) toast(text, "critical");
    expect(toasts.value.map(({ text }) => text)).toEqual(["2", "3", "4", "5"]);
  });
});

describe("a dialog", () => {
  const isOpen = signal(false);
  function Page() {
    return (
      <>
        <Dialog title="Sure?" open={isOpen.value} onClose={() => (isOpen.value = false)} actions={<Button>Yes</Button>}>
          Text
        </Dialog>
        <Announcer />
      </>
    );
  }

  test("has its title as its name, and content only while it is open", () => {
    isOpen.value = false;
    const root = mount(<Page />);
    const dialog = root.querySelector("dialog") as HTMLDialogElement;
    expect([dialog.open, dialog.textContent]).toEqual([false, ""]);
    update(() => (isOpen.value = true));
    expect(dialog.open).toBe(true);
    expect(document.getElementById(dialog.getAttribute("aria-labelledby") ?? "")?.textContent).toBe("Sure?");
    click(dialog, "Close");
    expect([dialog.open, isOpen.value]).toEqual([false, false]);
  });

  test("stays open when it is opened again before the event of its closing comes", () => {
    isOpen.value = true;
    const root = mount(<Page />);
    const dialog = root.querySelector("dialog") as HTMLDialogElement;
    // A browser closes at once and dispatches the event later.
    dialog.close = () => dialog.removeAttribute("open");
    update(() => (isOpen.value = false));
    update(() => (isOpen.value = true));
    update(() => dialog.dispatchEvent(new Event("close")));
    expect([dialog.open, isOpen.value]).toEqual([true, true]);
    update(() => dialog.dispatchEvent(new Event("close")));
    expect(isOpen.value).toBe(false);
  });

  test("shows toasts and announcements instead of the page below it", () => {
    isOpen.value = true;
    const root = mount(<Page />);
    update(() => toast("Done.", "critical"));
    pass(100);
    const dialog = root.querySelector("dialog") as HTMLDialogElement;
    expect(dialog.querySelectorAll(".v-toast")).toHaveLength(1);
    expect(root.querySelectorAll(".v-toast")).toHaveLength(1);
    update(() => (isOpen.value = false));
    expect(dialog.querySelectorAll(".v-toast")).toHaveLength(0);
    expect(root.querySelectorAll(".v-toast")).toHaveLength(1);
  });
});
