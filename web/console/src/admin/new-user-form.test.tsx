import { Problem } from "@veritas/shared/api.ts";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../state.ts";
import { mount } from "../testing/mount.tsx";
import { NewUserForm } from "./new-user-form.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("creates a user", async () => {
  const post = vi.spyOn(api, "post").mockResolvedValue(undefined);
  let created = 0;
  const page = await mount(<NewUserForm onCreated={() => (created += 1)} />);
  await page.type("Username", "grace");
  await page.type("Name", "Grace");
  await page.type("Initial password", "correct horse");
  await page.type("Role", "admin");
  await page.submit();
  const user = { username: "grace", name: "Grace", password: "correct horse", role: "admin" };
  expect([post.mock.calls[0], created]).toEqual([["/admin/users", user], 1]);
  page.unmount();
});

it("marks the field of an error", async () => {
  const faults = [{ path: "$.password", message: "Expected `str` of length >= 8" }];
  vi.spyOn(api, "post").mockRejectedValue(new Problem(400, "invalid", "", "", faults));
  const page = await mount(<NewUserForm onCreated={() => undefined} />);
  await page.submit();
  expect(page.text()).toContain("at least 8 characters");
  expect(page.field("Initial password").getAttribute("aria-invalid")).toBe("true");
  page.unmount();
});
