import { expect, it } from "vitest";
import { mount, settle } from "../../testing/mount.tsx";
import { attempt, boardOf, flag, roomOf, rowOf, student } from "../rows/testing.ts";
import { Tiles } from "./tiles.tsx";

async function open(rows: ReturnType<typeof roomOf>, selects: unknown[] = []): ReturnType<typeof mount> {
  return mount(
    <Tiles
      rows={rows}
      selected={new Set()}
      onSelect={(id, on) => selects.push([id, on])}
      onOpen={(id) => selects.push(id)}
      onVisible={() => undefined}
    />,
  );
}

it("shows presence, flags and the latest undecided flag of a student", async () => {
  const board = boardOf(
    student("s", "Ada"),
    attempt(1, "s"),
    flag("f1", "a1", { summary: "Left the page.", raised_at: 1 }),
    flag("f2", "a1", { summary: "Pasted.", raised_at: 2, status: "dismissed" }),
  );
  const page = await open([rowOf(board, "s", [[1, true, 1, 1]])]);
  expect(page.host.querySelector(".c-tile")?.textContent).toContain("Connected");
  expect(page.text()).toContain("1 warning1 reviewed");
  expect(page.host.querySelector(".c-tile-flag")?.textContent).toBe("Left the page.");
  page.unmount();
});

it("is used by keyboard: arrows move the focus, Space selects", async () => {
  const selects: unknown[] = [];
  const page = await open(roomOf(3), selects);
  const press = async (key: string): Promise<void> => {
    document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    await settle();
  };
  page.button("Student 1").focus();
  await press("ArrowRight");
  expect(document.activeElement?.textContent).toBe("Student 2");
  await press(" ");
  await press("End");
  expect(document.activeElement?.textContent).toBe("Student 3");
  expect(selects).toEqual([["s2", true]]);
  page.unmount();
});
