import { afterEach, expect, it, vi } from "vitest";
import { api } from "../state.ts";
import { fileName, saveExport } from "./download.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

it("makes a file name from a title", () => {
  expect(fileName("Mécanique, 1re partie", "csv")).toBe("mecanique-1re-partie.csv");
  expect(fileName("雨", "csv")).toBe("export.csv");
});

it("saves an export under its name", async () => {
  const saved: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(this.download);
  });
  vi.spyOn(api, "download").mockResolvedValue(new Blob(["a,b"]));
  await saveExport("/teacher/exams/e/flags.csv", "flags.csv");
  vi.spyOn(api, "download").mockRejectedValue(new Error("away"));
  await saveExport("/teacher/exams/e/flags.csv", "flags.csv");
  expect(saved).toEqual(["flags.csv"]);
});
