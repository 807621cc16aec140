import { afterEach, expect, it, vi } from "vitest";
import { LiveBoard } from "../../board/live-board.ts";
import { MONITORING } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { attempt, boardOf, flag, rowOf, student } from "../rows/testing.ts";
import { Drawer } from "./drawer.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const BOARD = new LiveBoard("e", { watch: () => undefined });
const ROW = rowOf(
  boardOf(student("s", "Ada"), attempt(1, "s"), flag("f", "a1"), [
    "instruction",
    { attempt_id: "a1", n: 1, action: "message", text: "Hello", state: "done", code: null },
  ]),
  "s",
  [[1, true, 7, 1]],
);

function drawer(row: RoomRow, permissions: ["can_view"] | null = null): ReturnType<typeof Drawer> {
  return <Drawer board={BOARD} row={row} permissions={permissions} onClose={() => undefined} />;
}

it("shows a student's state, flags, timeline and commands", async () => {
  respond({ "/teacher/attempts/a1/monitoring": MONITORING });
  const page = await mount(drawer(ROW));
  for (const text of ["Ada", "In progress", "Connected", "7 events", "Message “Hello” · received", "Flags (1)"]) {
    expect(page.text()).toContain(text);
  }
  expect(page.button("End attempt…")).toBeDefined();
  expect(page.button("Dismiss")).toBeDefined();
  await page.click("Timeline");
  expect(page.text()).toContain("26 events in total");
  page.unmount();
});

it("has no commands for users who may only view", async () => {
  const page = await mount(drawer(ROW, ["can_view"]));
  expect(() => page.button("End attempt…")).toThrow();
  expect(() => page.button("Dismiss")).toThrow();
  page.unmount();
});

it("says that a student has not started", async () => {
  const page = await mount(drawer(rowOf(boardOf(student("s", "Ada")), "s")));
  expect(page.text()).toContain("Not started yet");
  page.unmount();
});
