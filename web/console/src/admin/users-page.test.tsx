import { afterEach, expect, it, vi } from "vitest";
import { api } from "../state.ts";
import { page as pageOf } from "../testing/data.ts";
import { mount, respond } from "../testing/mount.tsx";
import { UsersPage } from "./users-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const GRACE = {
  user_id: "u",
  username: "grace",
  name: "Grace",
  role: "teacher",
  is_active: true,
  can_create_exams: true,
};

it("deactivates users, and forbids creating exams", async () => {
  respond({ "/admin/users": pageOf(GRACE) });
  const patch = vi.spyOn(api, "patch").mockResolvedValue(undefined);
  const page = await mount(<UsersPage />);
  expect(page.text()).toContain("Gracegraceteacheractive");
  await page.click("Deactivate Grace");
  await page.click("Forbid creating exams: Grace");
  expect(patch.mock.calls).toEqual([
    ["/admin/users/u", { is_active: false }],
    ["/admin/users/u", { can_create_exams: false }],
  ]);
  page.unmount();
});

it("searches users by text and role", async () => {
  const get = respond({ "/admin/users": pageOf() });
  const page = await mount(<UsersPage />);
  expect(page.text()).toContain("No user matches your search");
  await page.type("Search", "gra");
  await page.type("Role", "teacher");
  await page.submit();
  expect(get.mock.lastCall?.[1]).toMatchObject({ q: "gra", role: "teacher" });
  page.unmount();
});

it("asks before a person is erased", async () => {
  respond({ "/admin/users": pageOf(GRACE) });
  const page = await mount(<UsersPage />);
  await page.click("Erase Grace");
  expect(page.button("Erase forever").disabled).toBe(true);
  page.unmount();
});

it("opens the form for a new user", async () => {
  respond({ "/admin/users": pageOf() });
  const page = await mount(<UsersPage />);
  await page.click("New user");
  expect(page.field("Initial password").type).toBe("password");
  page.unmount();
});
