import { afterEach, expect, it, vi } from "vitest";
import { connection } from "../../state.ts";
import { mount, settle } from "../../testing/mount.tsx";
import type { RoomRow } from "../rows/rows.ts";
import { roomOf } from "../rows/testing.ts";
import { EndDialog } from "./end-dialog.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const [ROW] = roomOf(1) as [RoomRow];

it("ends an attempt only after a reason and a confirmation", async () => {
  const command = vi.spyOn(connection(), "command").mockResolvedValue({ outcomes: [{ ok: true }] } as never);
  let closes = 0;
  const page = await mount(<EndDialog examId="e" row={ROW} open onClose={() => (closes += 1)} />);
  await page.type("Reason", "Left the room.");
  expect(page.button("End the attempt").disabled).toBe(true);
  page.host.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
  await settle();
  await page.submit();
  expect(command.mock.calls[0]).toEqual(["e", { action: "end", to: ["a1"], reason: "Left the room." }]);
  expect(closes).toBe(1);
  page.unmount();
});

it("says that the outcome is unknown without a result", async () => {
  vi.spyOn(connection(), "command").mockRejectedValue(new Error("The server has not answered yet."));
  const page = await mount(<EndDialog examId="e" row={ROW} open onClose={() => undefined} />);
  await page.type("Reason", "Left the room.");
  page.host.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
  await settle();
  await page.submit();
  expect(page.text()).toContain("Your command may still be carried out.");
  page.unmount();
});
