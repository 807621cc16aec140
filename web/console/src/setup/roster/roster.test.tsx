import { Problem } from "@veritas/shared/api.ts";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { EXAM, page as pageOf } from "../../testing/data.ts";
import { mount, respond, settle } from "../../testing/mount.tsx";
import { Roster } from "./roster.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const ADA = {
  student_id: "s1",
  username: "ada",
  name: "Ada",
  email: null,
  on_roster: true,
  enrolled_at: 0,
  has_code: true,
};
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

const PREVIEW = {
  rows: [{ row: 1, username: "cy", name: "Cy", email: null, enrollment_id: null, cohort: null, on_roster: false }],
  encoding: "UTF-8",
  separator: ",",
  columns: [],
  not_read: ["Seat"],
  faults: [],
  to_confirm: [],
  notices: ["The file was read as Windows-1252."],
};

it("shows how the hub read the list, adds the rows, and shows their codes until they are saved", async () => {
  const call = vi.spyOn(api, "call").mockResolvedValueOnce(PREVIEW);
  const page = await open();
  await page.type("One student per line", "cy, Cy");
  await page.submit();
  expect(call.mock.calls[0]).toEqual([
    "POST",
    "/exams/e/roster/preview",
    { text: { type: "text/csv", content: "cy, Cy" }, query: { header: "optional" } },
  ]);
  expect(page.text()).toContain("Windows-1252");
  expect(page.text()).toContain("These columns are not read: Seat");
  const post = vi.spyOn(api, "post").mockResolvedValue([CODE, { ...CODE, student_id: "s1", code: null }]);
  await page.click("Add 1 student");
  const student = { username: "cy", name: "Cy", email: null, enrollment_id: null, cohort: null };
  expect(post.mock.calls[0]).toEqual(["/exams/e/roster", { students: [student], confirm: [] }]);
  expect(page.text()).toContain("ABCD-EFGH");
  expect(page.text()).toContain("already has a code");
  await page.click("I have saved them");
  expect(page.text()).not.toContain("ABCD-EFGH");
  page.unmount();
});

it("lists the faults of a list and offers nothing to add", async () => {
  const faults = [{ path: "row 2, name", message: "required" }];
  vi.spyOn(api, "call").mockResolvedValueOnce({ ...PREVIEW, rows: [], faults });
  const page = await open();
  await page.type("One student per line", "cy");
  await page.submit();
  expect(page.text()).toContain("row 2, name: required");
  expect(() => page.button("Add 0 students")).toThrow();
  page.unmount();
});

it("adds a self-made account only after its confirmation", async () => {
  const waiting = [{ path: "row 1", username: "cy", name: "Cy", registered_name: "Typed" }];
  vi.spyOn(api, "call").mockResolvedValueOnce({ ...PREVIEW, to_confirm: waiting });
  const post = vi.spyOn(api, "post").mockResolvedValue([CODE]);
  const page = await open();
  await page.type("One student per line", "cy, Cy");
  await page.submit();
  expect(page.text()).toContain("your list says Cy, the account says Typed");
  expect(page.button("Add 1 student").disabled).toBe(true);
  page.host.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
  await settle();
  await page.click("Add 1 student");
  expect(post.mock.calls[0]?.[1]).toMatchObject({ confirm: ["cy"] });
  page.unmount();
});

it("shows what the hub refused after the preview", async () => {
  vi.spyOn(api, "call").mockResolvedValueOnce(PREVIEW);
  const faults = [{ path: "$.students[0].email", message: "is not valid" }];
  vi.spyOn(api, "post").mockRejectedValue(new Problem(400, "invalid", "", "", faults));
  const page = await open();
  await page.type("One student per line", "cy, Cy");
  await page.submit();
  await page.click("Add 1 student");
  expect(page.text()).toContain("students[0].email: is not valid");
  page.unmount();
});

it("gives new codes to all students after a warning", async () => {
  const post = vi.spyOn(api, "post").mockResolvedValue([CODE]);
  const page = await open();
  await page.click("New codes for all");
  expect(post).not.toHaveBeenCalled();
  expect(page.text()).toContain("stop working at once");
  await page.click("Give new codes");
  expect(post.mock.calls[0]?.[0]).toBe("/exams/e/roster/codes");
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
