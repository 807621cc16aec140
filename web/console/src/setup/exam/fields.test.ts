import { describe, expect, it } from "vitest";
import { fromLocal, toLocal } from "./fields.ts";

describe("a local time", () => {
  it("is read back as it was written, to the minute", () => {
    const noon = Date.UTC(2026, 10, 30, 12, 34);
    expect(fromLocal(toLocal(noon))).toBe(noon);
    expect(toLocal(noon)).toMatch(/^2026-(11-30|12-01|11-29)T\d\d:34$/);
  });

  it("is empty without a time", () => {
    expect(toLocal(null)).toBe("");
    expect([fromLocal(""), fromLocal("soon")]).toEqual([null, null]);
  });
});
