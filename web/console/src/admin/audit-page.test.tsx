import { afterEach, expect, it, vi } from "vitest";
import { page as pageOf } from "../testing/data.ts";
import { mount, respond } from "../testing/mount.tsx";
import { AuditPage } from "./audit-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const ENTRY = {
  entry_id: 1,
  at: 0,
  actor: "u",
  actor_name: "Grace",
  action: "read_student",
  resource: "user",
  resource_id: "s",
  details: { role: "teacher" },
};

it("lists actions with their users, and searches by action", async () => {
  const get = respond({
    "/admin/audit": pageOf<unknown>(ENTRY, { ...ENTRY, entry_id: 2, actor: null, actor_name: null }),
  });
  const page = await mount(<AuditPage />);
  expect(page.text()).toContain("GraceRead studentuser srole: teacher");
  expect(page.text()).toContain("the server");
  await page.type("Action", " review ");
  await page.submit();
  expect(get.mock.lastCall?.[1]).toMatchObject({ action: "review" });
  page.unmount();
});
