import { afterEach, expect, it, vi } from "vitest";
import { connection } from "../../state.ts";
import { mount } from "../../testing/mount.tsx";
import { roomOf } from "../rows/testing.ts";
import { MessageDialog } from "./message-dialog.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const closed = (): void => undefined;
const result = (ok: boolean): never => ({ outcomes: [{ attempt_id: "a1", ok, code: ok ? null : "busy" }] }) as never;

it("sends a message to one student", async () => {
  const command = vi.spyOn(connection(), "command").mockResolvedValue(result(true));
  let closes = 0;
  const page = await mount(<MessageDialog examId="e" open onClose={() => (closes += 1)} to={roomOf(1)} running={1} />);
  expect(page.button("Send").disabled).toBe(true);
  await page.click("Ten minutes left.");
  expect(page.field("To Student 1").value).toBe("Ten minutes left.");
  await page.submit();
  expect(command.mock.calls[0]).toEqual(["e", { action: "message", to: ["a1"], text: "Ten minutes left." }]);
  expect(closes).toBe(1);
  page.unmount();
});

it("shows why a message was not sent, and keeps the text", async () => {
  vi.spyOn(connection(), "command").mockResolvedValue(result(false));
  const page = await mount(<MessageDialog examId="e" open onClose={closed} to="all" running={2} />);
  await page.type("To all 2 students in progress", "Hello");
  await page.submit();
  expect(page.text()).toContain("The server is busy.");
  expect(page.field("To all 2 students in progress").value).toBe("Hello");
  page.unmount();
});

it("cannot be sent when no attempt is in progress", async () => {
  const page = await mount(<MessageDialog examId="e" open onClose={closed} to="all" running={0} />);
  await page.type("To all 0 students in progress", "Hello");
  expect(page.button("Send").disabled).toBe(true);
  page.unmount();
});
