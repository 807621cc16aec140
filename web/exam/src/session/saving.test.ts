import type { Status } from "@veritas/proctor";
import { describe, expect, test } from "vitest";
import { describeSaving, shouldAnnounce } from "./saving.ts";

const status = (more: Partial<Status> = {}): Status => ({
  link: "open",
  over: null,
  detail: "",
  attempt: null,
  unsaved: new Set(),
  refused: new Map(),
  ackedMs: 1_000,
  pending: 0,
  isStored: true,
  isStoring: false,
  dropped: 0,
  retryAtMs: null,
  rttMs: null,
  ...more,
});
const none = new Set<string>();
const text = (more: Partial<Status>, typing: ReadonlySet<string> = none) =>
  describeSaving(status(more), typing, 5_000).text;

describe("the state of saving", () => {
  test('is "saved" only when everything is acknowledged, with the time', () => {
    expect(text({})).toBe("Saved on the server 4 s ago");
    expect(text({ ackedMs: null })).toBe("Connected");
  });

  test("counts items that are being sent or typed, each once", () => {
    expect(text({ unsaved: new Set(["a"]) })).toBe("Not saved yet: 1 change");
    expect(text({ unsaved: new Set(["a"]) }, new Set(["a", "b"]))).toBe("Not saved yet: 2 changes");
  });

  test("names a lost connection, and where the changes are stored", () => {
    expect(text({ link: "waiting" })).toBe("Offline. Everything so far is saved on the server.");
    expect(text({ link: "waiting", unsaved: new Set(["a"]) })).toBe("Offline. 1 change is stored on this device.");
    expect(text({ link: "waiting", unsaved: new Set(["a", "b"]), isStored: false })).toContain(
      "only in this open page",
    );
    expect(text({ link: "connecting", ackedMs: null })).toBe("Connecting… Nothing to send.");
  });

  test("never shows a change as stored before it is on the disk", () => {
    const offline = { link: "waiting", unsaved: new Set(["a"]) } as const;
    const storing = "Offline. 1 change is being stored on this device…";
    expect(text(offline, new Set(["a"]))).toBe(storing);
    expect(text({ ...offline, isStoring: true })).toBe(storing);
    expect(text({ ...offline, link: "over", over: "signed_out" }, new Set(["b"]))).toBe(
      "Signed out. 2 changes are being stored on this device…",
    );
  });

  test("never shows a refused answer as saved", () => {
    const saving = describeSaving(status({ refused: new Map([["a", "too_large"]]) }), none, 5_000);
    expect(saving).toMatchObject({ kind: "refused", tone: "critical" });
    expect(saving.text).toContain("not saved");
  });

  test("says when the user is signed out", () => {
    expect(text({ link: "over", over: "signed_out", unsaved: new Set(["a"]) })).toBe(
      "Signed out. 1 change is stored on this device.",
    );
  });
});

test("losses are announced, and a save only after a loss", () => {
  expect(shouldAnnounce("saved", "offline")).toBe(true);
  expect(shouldAnnounce("offline", "saved")).toBe(true);
  expect(shouldAnnounce("pending", "saved")).toBe(false);
  expect(shouldAnnounce("saved", "pending")).toBe(false);
  expect(shouldAnnounce("offline", "offline")).toBe(false);
});
