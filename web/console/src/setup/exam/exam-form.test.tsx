import { Problem } from "@veritas/shared/api.ts";
import { formatMoment, timeZone } from "@veritas/shared/time.ts";
import { expect, it } from "vitest";
import { mount, settle } from "../../testing/mount.tsx";
import { ExamForm } from "./exam-form.tsx";
import { type ExamFields, fromLocal, NEW_EXAM } from "./fields.ts";

it("submits what was typed", async () => {
  const sent: ExamFields[] = [];
  const page = await mount(
    <ExamForm start={NEW_EXAM} isNew submit="Create draft" onSubmit={async (fields) => void sent.push(fields)} />,
  );
  await page.type("Title", "Optics");
  await page.type("Duration in minutes", "90");
  await page.type("Points to pass", "5");
  await page.type("Opens", "2026-12-01T09:00");
  await page.type("Instructions", "Good luck.");
  page.host.querySelectorAll<HTMLInputElement>("input[name=kind]")[1]?.click();
  await settle();
  page.host.querySelectorAll<HTMLInputElement>("input[name=preset]")[1]?.click();
  await settle();
  await page.submit();
  expect(sent[0]).toMatchObject({
    title: "Optics",
    duration_minutes: 90,
    passing_score: 5,
    opens_at: fromLocal("2026-12-01T09:00"),
    closes_at: null,
    description: "Good luck.",
    kind: "practice",
    preset: "camera",
  });
  page.unmount();
});

it("names the time zone, and the time as it was understood", async () => {
  const page = await mount(<ExamForm start={NEW_EXAM} isNew submit="Create draft" onSubmit={async () => {}} />);
  expect(page.host.textContent).toContain(`In your time zone, ${timeZone()}.`);
  await page.type("Closes", "2026-12-01T09:00");
  const at = fromLocal("2026-12-01T09:00") ?? 0;
  expect(page.host.textContent).toContain(`That is ${formatMoment(at)} (${timeZone()}).`);
  page.unmount();
});

it("marks the field of an error", async () => {
  const faults = [{ path: "$.closes_at", message: "closes_at must be later than opens_at" }];
  const refuse = (): Promise<void> => Promise.reject(new Problem(400, "invalid", "", "", faults));
  const page = await mount(<ExamForm start={NEW_EXAM} isNew={false} submit="Save" onSubmit={refuse} />);
  await page.submit();
  expect(page.field("Closes").getAttribute("aria-invalid")).toBe("true");
  page.unmount();
});

it("has no button if it is read-only", async () => {
  const page = await mount(
    <ExamForm start={NEW_EXAM} isNew={false} readOnly submit="Save" onSubmit={async () => {}} />,
  );
  expect(() => page.button("Save")).toThrow();
  expect(page.field("Title").readOnly).toBe(true);
  page.unmount();
});
