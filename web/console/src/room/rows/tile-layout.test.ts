import { describe, expect, it } from "vitest";
import { layOutTiles } from "./tile-layout.ts";

describe("tiles", () => {
  it("are one below the other on a phone", () => {
    expect(layOutTiles(328, 500, 30)).toEqual({ columns: 1, scale: 1 });
  });

  it("grow on a wall screen as long as all are visible", () => {
    expect(layOutTiles(2_000, 1_150, 12).scale).toBe(1.6);
    expect(layOutTiles(2_000, 1_150, 300)).toEqual({ columns: 7, scale: 1 });
  });
});
