import { describe, expect, it } from "vitest";
import { layTiles } from "./board.tsx";
import { spanOf } from "./visible-rows.ts";

describe("what is drawn of many rows", () => {
  it("covers the screen with some rows to spare, and never more than there are", () => {
    expect(spanOf(1_000, 48, 300, 900)).toEqual({ start: 0, end: 19 });
    expect(spanOf(1_000, 48, -4_800, 960)).toEqual({ start: 94, end: 126 });
    expect(spanOf(1_000, 48, -47_900, 960)).toEqual({ start: 991, end: 1_000 });
    expect(spanOf(5, 48, 0, 960)).toEqual({ start: 0, end: 5 });
    expect(spanOf(0, 48, 0, 960)).toEqual({ start: 0, end: 0 });
  });
});

describe("tiles", () => {
  it("stand one under the other on a phone", () => {
    expect(layTiles(328, 500, 30)).toEqual({ columns: 1, scale: 1 });
  });

  it("grow on a wall screen as long as all are in sight", () => {
    const few = layTiles(2_000, 1_150, 12);
    expect(few.scale).toBe(1.6);
    const many = layTiles(2_000, 1_150, 300);
    expect(many).toEqual({ columns: 7, scale: 1 });
  });
});
