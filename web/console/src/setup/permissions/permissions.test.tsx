import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { mount, respond, settle } from "../../testing/mount.tsx";
import { Permissions } from "./permissions.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const GRACE = {
  teacher_id: "t",
  username: "grace",
  name: "Grace",
  can_view: true,
  can_edit: false,
  can_invigilate: false,
  can_review: false,
  can_view_analytics: false,
};
const VIEW_ONLY = {
  can_view: true,
  can_edit: false,
  can_invigilate: false,
  can_review: false,
  can_view_analytics: false,
};

it("adds a teacher who may view the exam", async () => {
  respond({ "/exams/e/permissions": [] });
  const put = vi.spyOn(api, "put").mockResolvedValue(undefined);
  const page = await mount(<Permissions examId="e" />);
  await page.type("Username of another teacher", " grace ");
  await page.submit();
  expect(put.mock.calls[0]).toEqual(["/exams/e/permissions/grace", VIEW_ONLY]);
  expect(page.field("Username of another teacher").value).toBe("");
  page.unmount();
});

it("keeps the username if the teacher was not added", async () => {
  respond({ "/exams/e/permissions": [] });
  vi.spyOn(api, "put").mockRejectedValue(new Error("There is no teacher with this username."));
  const page = await mount(<Permissions examId="e" />);
  await page.type("Username of another teacher", "grce");
  await page.submit();
  expect(page.text()).toContain("There is no teacher with this username.");
  expect(page.field("Username of another teacher").value).toBe("grce");
  page.unmount();
});

it("changes and removes permissions", async () => {
  respond({ "/exams/e/permissions": { items: [GRACE] } });
  const put = vi.spyOn(api, "put").mockResolvedValue(undefined);
  const remove = vi.spyOn(api, "delete").mockResolvedValue(undefined);
  const page = await mount(<Permissions examId="e" />);
  page.field("Grace: Review").click();
  await settle();
  expect(put.mock.calls[0]).toEqual(["/exams/e/permissions/grace", { ...VIEW_ONLY, can_review: true }]);
  await page.click("Remove access: Grace");
  expect(remove.mock.calls[0]?.[0]).toBe("/exams/e/permissions/grace");
  page.unmount();
});
