// @vitest-environment node
import type { Status } from "@veritas/proctor/index.ts";
import { describe, expect, test } from "vitest";
import { describeSaving, isWorthSaying } from "./saving.ts";

const status = (more: Partial<Status> = {}): Status => ({
  link: "open",
  over: null,
  detail: "",
  attempt: null,
  unsaved: new Set(),
  refused: new Map(),
  ackedMs: 1_000,
  waiting: 0,
  isKept: true,
  dropped: 0,
  retryAtMs: null,
  rttMs: null,
  ...more,
});
const none = new Set<string>();
const text = (more: Partial<Status>, typing: ReadonlySet<string> = none) =>
  describeSaving(status(more), typing, 5_000).text;

describe("what is said of saving", () => {
  test("is saved only when everything is acknowledged, and when that was", () => {
    expect(text({})).toBe("Saved on the server 4 s ago");
    expect(text({ ackedMs: null })).toBe("Connected");
  });

  test("counts items that are under way or still in the hand, each once", () => {
    expect(text({ unsaved: new Set(["a"]) })).toBe("Not yet saved: 1 change");
    expect(text({ unsaved: new Set(["a"]) }, new Set(["a", "b"]))).toBe("Not yet saved: 2 changes");
  });

  test("is honest about a lost connection, and about where the changes are", () => {
    expect(text({ link: "waiting" })).toBe("Offline. Everything so far is saved on the server.");
    expect(text({ link: "waiting", unsaved: new Set(["a"]) })).toBe("Offline. 1 change is kept on this machine.");
    expect(text({ link: "waiting", unsaved: new Set(["a", "b"]), isKept: false })).toContain("only in this open page");
    expect(text({ link: "connecting", ackedMs: null })).toBe("Connecting… Nothing is waiting.");
  });

  test("never calls a refused answer saved", () => {
    const saving = describeSaving(status({ refused: new Map([["a", "too_large"]]) }), none, 5_000);
    expect(saving).toMatchObject({ kind: "refused", tone: "critical" });
    expect(saving.text).toContain("not saved");
  });

  test("tells of an ended sign-in", () => {
    expect(text({ link: "over", over: "signed_out", unsaved: new Set(["a"]) })).toBe(
      "Signed out. 1 change is kept on this machine.",
    );
  });
});

test("losses are read out, and a save only after one: not every save of every answer", () => {
  expect(isWorthSaying("saved", "offline")).toBe(true);
  expect(isWorthSaying("offline", "saved")).toBe(true);
  expect(isWorthSaying("pending", "saved")).toBe(false);
  expect(isWorthSaying("saved", "pending")).toBe(false);
  expect(isWorthSaying("offline", "offline")).toBe(false);
});
