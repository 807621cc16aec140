import { describe, expect, it } from "vitest";
import { targetIndex } from "./keyboard.ts";

describe("a key", () => {
  it("moves within a line, by lines, by pages, and to the ends", () => {
    const from = (key: string): number | undefined => targetIndex(key, 10, 100, 4, 20);
    expect(["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"].map(from)).toEqual([11, 9, 14, 6]);
    expect(["PageDown", "PageUp", "Home", "End"].map(from)).toEqual([30, 0, 0, 99]);
  });

  it("never leaves the list, and other keys do not move", () => {
    expect(targetIndex("ArrowUp", 2, 100, 4, 20)).toBe(0);
    expect(targetIndex("ArrowDown", 98, 100, 4, 20)).toBe(99);
    expect(targetIndex("x", 2, 100, 4, 20)).toBeUndefined();
  });
});
