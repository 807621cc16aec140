import { expect, it } from "vitest";
import { currentness } from "./navigation.tsx";

it("marks the link of the current page, and of the pages above it", () => {
  expect(currentness("/console", "/console/")).toBe("page");
  expect(currentness("/console", "/console/exams")).toBeUndefined();
  expect(currentness("/console/exams", "/console/exams")).toBe("page");
  expect(currentness("/console/exams", "/console/exams/e")).toBe("true");
});
