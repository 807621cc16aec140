import { act } from "preact/test-utils";
import { expect, it, vi } from "vitest";
import { LiveBoard } from "../../board/live-board.ts";
import { mount } from "../../testing/mount.tsx";
import { LatestFlags } from "./latest-flags.tsx";
import { attempt, boardOf, flag, rowOf, student } from "../rows/testing.ts";

it("lists the newest flags of all students, and opens the student of one", async () => {
  const live = new LiveBoard("e", { watch: () => undefined });
  const onOpen = vi.fn();
  const page = await mount(<LatestFlags board={live} onOpen={onOpen} />);
  expect(page.text()).toContain("Latest flags");
  expect(page.host.querySelector("li")).toBeNull();
  const board = boardOf(
    student("s1", "Ada"),
    student("s2", "Ben"),
    attempt(1, "s1"),
    attempt(2, "s2"),
    flag("f1", "a1", { raised_at: 1_000 }),
    flag("f2", "a2", { raised_at: 2_000, status: "dismissed" }),
  );
  await act(() => {
    live.rows.value = new Map(["s1", "s2"].map((id) => [id, rowOf(board, id)]));
  });
  const lines = [...page.host.querySelectorAll("li")];
  expect(lines.map((line) => [line.textContent?.slice(0, 3), line.dataset.decided])).toEqual([
    ["Ben", ""],
    ["Ada", undefined],
  ]);
  expect(lines[0]?.textContent).toContain("Dismissed");
  lines[1]?.querySelector("button")?.click();
  expect(onOpen.mock.calls).toEqual([["s1"]]);
  page.unmount();
});
