import { beforeAll, describe, expect, it, vi } from "vitest";
import type * as Options from "./histogram-options.ts";

const BINS = [
  { from: 0, to: 50, count: 1 },
  { from: 50, to: 100, count: 3 },
];
const edge = (value: number): string => `${value} %`;

describe("a histogram", () => {
  let options: typeof Options;

  beforeAll(async () => {
    // uPlot asks for the pixel ratio when it is loaded; happy-dom does not have it.
    vi.stubGlobal("matchMedia", () => ({ addEventListener: () => undefined, removeEventListener: () => undefined }));
    options = await import("./histogram-options.ts");
  });

  it("is described by its largest group", () => {
    expect(options.describeBins(BINS, 4, edge)).toBe("4 attempts. The largest group, 3, is from 50 % to 100 %.");
  });

  it("labels every bar where there is space", () => {
    const labels = (width: number): string[] => [0, 1, 2].map((at) => options.labelAt(BINS, at, edge, width));
    expect(labels(400)).toEqual(["0 %", "50 %", ""]);
    expect(labels(80)).toEqual(["0 %", "", ""]);
  });

  it("has one bar per bin", () => {
    const host = document.createElement("div");
    document.body.append(host);
    const { scales, axes, series } = options.plotOptions(host, BINS, edge);
    expect(scales?.x?.range).toEqual([-0.6, 1.6]);
    expect([axes?.length, series.length]).toEqual([2, 2]);
  });
});
