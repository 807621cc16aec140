import { go } from "@veritas/shared/route.ts";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { LiveBoard } from "../board/live-board.ts";
import { connection, disconnect } from "../state.ts";
import { type Mounted, mount } from "../testing/mount.tsx";
import { type RoomState, useRoomState } from "./room-state.ts";
import { rowOf, boardOf, roomOf, student } from "./rows/testing.ts";
import type { RoomRow } from "./rows/rows.ts";

let board: LiveBoard;
let state: RoomState;
let page: Mounted;

function Probe(): null {
  state = useRoomState("e");
  return null;
}

const show = (rows: readonly RoomRow[]): void => {
  board.rows.value = new Map(rows.map((row) => [row.studentId, row]));
};
const shownIds = (): string[] => state.rows.value.map((row) => row.studentId);

beforeEach(async () => {
  go("/console/exams/e", { replace: true });
  board = new LiveBoard("e", { watch: () => undefined });
  vi.spyOn(connection(), "open").mockReturnValue(board);
  show(roomOf(4));
  page = await mount(<Probe />);
});
afterEach(() => {
  page.unmount();
  vi.restoreAllMocks();
  disconnect();
});

it("shows students who need attention first, and counts each filter", () => {
  expect(shownIds()).toEqual(["s3", "s1", "s2", "s4"]);
  expect(state.counts.value).toMatchObject({ all: 4, attention: 1, in_progress: 4, not_started: 0 });
  state.filter.value = "attention";
  expect(shownIds()).toEqual(["s3"]);
  state.filter.value = "all";
  state.query.value = "student 2";
  expect(shownIds()).toEqual(["s2"]);
});

it("keeps the places of the students while the user points at them", () => {
  expect(shownIds()).toEqual(["s3", "s1", "s2", "s4"]);
  state.isHeld.value = true;
  const rows = new Map(roomOf(4).map((row) => [row.studentId, row]));
  const [first, third] = [rows.get("s1"), rows.get("s3")] as [RoomRow, RoomRow];
  const calm = { ...third, open: first.open, attention: 0 };
  const joined = rowOf(boardOf(student("s0", "Ann")), "s0");
  show([joined, first, rows.get("s2") as RoomRow, calm, rows.get("s4") as RoomRow]);
  expect(shownIds()).toEqual(["s3", "s1", "s2", "s4", "s0"]);
  state.isHeld.value = false;
  expect(shownIds()[0]).not.toBe("s3");
});

it("selects and deselects students", () => {
  state.select("s1", true);
  state.select("s2", true);
  state.select("s1", false);
  expect([...state.selected.value]).toEqual(["s2"]);
});

it("keeps the opened student in the address", async () => {
  expect(state.opened).toBeNull();
  await act(() => state.open("s2"));
  expect([location.search, state.opened?.studentId]).toEqual(["?student=s2", "s2"]);
  await act(() => go("/console/exams/e?student=unknown", { replace: true }));
  expect(state.opened).toBeNull();
  await act(() => state.open(null));
  expect(location.search).toBe("");
});

it("focuses on the visible students, at most as many as the hub accepts", () => {
  const focus = vi.spyOn(connection(), "focus");
  state.onVisible([...roomOf(300), rowOf(boardOf(student("s0", "Ann")), "s0")]);
  const [examId, ix] = focus.mock.lastCall ?? [];
  expect(examId).toBe("e");
  expect([ix?.length, ix?.[0], ix?.at(-1)]).toEqual([200, 1, 200]);
});

it("leaves the connection that it opened, also after another user has signed in", () => {
  const owner = connection();
  const leave = vi.spyOn(owner, "leave");
  disconnect();
  page.unmount();
  expect(leave.mock.calls).toEqual([["e"]]);
  expect(connection()).not.toBe(owner);
});
