import { describe, expect, it } from "vitest";
import { visibleRange } from "./visible-rows.ts";

describe("the rows that are drawn", () => {
  it("cover the screen with some rows to spare, and are never more than there are", () => {
    expect(visibleRange(1_000, 48, 300, 900)).toEqual({ start: 0, end: 19 });
    expect(visibleRange(1_000, 48, -4_800, 960)).toEqual({ start: 94, end: 126 });
    expect(visibleRange(1_000, 48, -47_900, 960)).toEqual({ start: 991, end: 1_000 });
    expect(visibleRange(5, 48, 0, 960)).toEqual({ start: 0, end: 5 });
    expect(visibleRange(0, 48, 0, 960)).toEqual({ start: 0, end: 0 });
  });
});
