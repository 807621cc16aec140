import { afterEach, expect, it, vi } from "vitest";
import type { UserRow } from "../rest/types.ts";
import { api } from "../state.ts";
import { mount, settle } from "../testing/mount.tsx";
import { EraseDialog } from "./erase-dialog.tsx";

const CONFIRM = "To confirm, type this name";
const ADA = { user_id: "u", username: "ada", name: "Ada", role: "student", is_active: true } as UserRow;

afterEach(() => {
  vi.restoreAllMocks();
});

it("erases a person after the username was typed, with the reason", async () => {
  const post = vi.spyOn(api, "post").mockResolvedValue({ user_id: "u", attempts: 2 });
  const onErased = vi.fn();
  const page = await mount(<EraseDialog user={ADA} onClose={() => undefined} onErased={onErased} />);
  await page.type("Reason", "left");
  await page.type(CONFIRM, "adam");
  await page.submit();
  expect(post.mock.calls).toEqual([]);
  await page.type(CONFIRM, "ada");
  await page.submit();
  expect(post.mock.calls).toEqual([["/admin/users/u/erase", { reason: "left", force: false }]]);
  expect(onErased).toHaveBeenCalledOnce();
  page.unmount();
});

it("shows why a person cannot be erased, and can be forced", async () => {
  const post = vi.spyOn(api, "post").mockRejectedValue(new Error("1 attempt is held."));
  const page = await mount(<EraseDialog user={ADA} onClose={() => undefined} onErased={() => undefined} />);
  await page.type(CONFIRM, "ada");
  await page.submit();
  expect(page.text()).toContain("1 attempt is held.");
  page.host.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
  await settle();
  await page.submit();
  expect(post.mock.lastCall?.[1]).toEqual({ reason: "requested", force: true });
  page.unmount();
});
