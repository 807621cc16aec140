import { Problem } from "@veritas/shared/api.ts";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { EXAM, page as pageOf } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { Roster } from "./roster.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const ADA = { student_id: "s1", username: "ada", name: "Ada", email: null, on_roster: true, enrolled_at: 0 };
const BEN = { ...ADA, student_id: "s2", username: "ben", name: "Ben", on_roster: false };
const CODE = { student_id: "s3", username: "cy", name: "Cy", code: "ABCD-EFGH" };

async function open(readOnly = false): ReturnType<typeof mount> {
  respond({ "/exams/e/roster": pageOf(ADA, BEN) });
  return mount(<Roster exam={EXAM} readOnly={readOnly} onChange={() => undefined} />);
}

it("lists students, and marks removed ones", async () => {
  const page = await open();
  expect(page.text()).toContain("1 student");
  expect(page.text()).toContain("Ben removed");
  expect(() => page.button("Remove Ben")).toThrow();
  page.unmount();
});

it("adds students, and shows their codes until they are saved", async () => {
  const post = vi.spyOn(api, "post").mockResolvedValue([CODE]);
  const page = await open();
  await page.type("One student per line", "cy, Cy");
  expect(page.button("Add 1 student").disabled).toBe(false);
  await page.submit();
  expect(post.mock.calls[0]).toEqual(["/exams/e/roster", { students: [{ username: "cy", name: "Cy" }] }]);
  expect(page.text()).toContain("ABCD-EFGH");
  await page.click("I have saved them");
  expect(page.text()).not.toContain("ABCD-EFGH");
  page.unmount();
});

it("shows wrong rows, and those that the hub refused", async () => {
  const faults = [{ path: "$.students[0].email", message: "is not valid" }];
  vi.spyOn(api, "post").mockRejectedValue(new Problem(400, "invalid", "", "", faults));
  const page = await open();
  await page.type("One student per line", "c y, Cy");
  expect(page.text()).toContain("Row 1, username: “c y” has characters that a username cannot have");
  expect(page.button("Add students").disabled).toBe(true);
  await page.type("One student per line", "cy, Cy");
  await page.submit();
  expect(page.text()).toContain("cy, email: is not valid");
  page.unmount();
});

it("removes a student after a confirmation", async () => {
  const remove = vi.spyOn(api, "delete").mockResolvedValue(undefined);
  const page = await open();
  await page.click("Remove Ada");
  expect(page.text()).toContain("Remove Ada?");
  await page.click("Remove");
  expect(remove).not.toHaveBeenCalledWith("/exams/e/roster/s2");
  const [dialogButton] = [...page.host.querySelectorAll<HTMLButtonElement>("dialog button")].filter(
    (button) => button.textContent === "Remove",
  );
  dialogButton?.click();
  expect(remove).toHaveBeenCalledWith("/exams/e/roster/s1");
  page.unmount();
});

it("has no buttons if it is read-only", async () => {
  const page = await open(true);
  expect(() => page.button("Remove Ada")).toThrow();
  expect(() => page.field("One student per line")).toThrow();
  page.unmount();
});
