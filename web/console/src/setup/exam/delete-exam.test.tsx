import { go, path } from "@veritas/shared/route.ts";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { EXAM } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { DeleteExam } from "./delete-exam.tsx";

const CONFIRM = "To confirm, type this name";

afterEach(() => {
  vi.restoreAllMocks();
});

it("deletes an exam after its title was typed, and leads to the list", async () => {
  const remove = vi.spyOn(api, "delete").mockResolvedValue(undefined);
  go("/console/exams/e/setup/details", { replace: true });
  const page = await mount(<DeleteExam exam={EXAM} />);
  await page.click("Delete exam");
  await page.type(CONFIRM, "Mechanic");
  expect(page.button("Delete forever").disabled).toBe(true);
  await page.submit();
  expect(remove.mock.calls).toEqual([]);
  await page.type(CONFIRM, " Mechanics ");
  expect(page.button("Delete forever").disabled).toBe(false);
  await page.submit();
  expect(remove.mock.calls).toEqual([["/exams/e"]]);
  expect(path.value).toBe("/console/exams");
  page.unmount();
});

it("shows why an exam cannot be deleted", async () => {
  vi.spyOn(api, "delete").mockRejectedValue(new Error("2 attempts are held."));
  const page = await mount(<DeleteExam exam={EXAM} />);
  await page.click("Delete exam");
  await page.type(CONFIRM, "Mechanics");
  await page.submit();
  expect(page.text()).toContain("2 attempts are held.");
  page.unmount();
});
