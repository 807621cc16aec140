import { afterEach, expect, it, vi } from "vitest";
import { connection } from "../../state.ts";
import { mount } from "../../testing/mount.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { roomOf } from "../rows/testing.ts";
import { WaiveDialog } from "./waive-dialog.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const [ROW] = roomOf(1) as [RoomRow];

it("waives the connection of a student for a reason", async () => {
  const command = vi.spyOn(connection(), "command").mockResolvedValue({ outcomes: [{ ok: true }] } as never);
  let closes = 0;
  const page = await mount(<WaiveDialog examId="e" row={ROW} open onClose={() => (closes += 1)} />);
  expect(page.button("Allow without connection").disabled).toBe(true);
  await page.type("Reason", "The network blocks sockets.");
  await page.submit();
  expect(command.mock.calls[0]).toEqual(["e", { action: "waive", to: ["a1"], reason: "The network blocks sockets." }]);
  expect(closes).toBe(1);
  page.unmount();
});

it("shows why it was refused", async () => {
  const refused = { outcomes: [{ ok: false, code: "forbidden" }] };
  vi.spyOn(connection(), "command").mockResolvedValue(refused as never);
  const page = await mount(<WaiveDialog examId="e" row={ROW} open onClose={() => undefined} />);
  await page.type("Reason", "The network blocks sockets.");
  await page.submit();
  expect(page.text()).toContain("You do not have permission to do this.");
  page.unmount();
});
