/** The settings of a histogram for uPlot, and its numbers in a sentence. */

import uPlot from "uplot";
import { count } from "../../../format/numbers.ts";
import type { Bin } from "../../../rest/types.ts";
import { DISTRIBUTION } from "../../../texts/analytics.ts";

export const PLOT_HEIGHT_PX = 220;
/** Space for the label of one bar. */
const LABEL_PX = 62;

type Edge = (value: number) => string;

/** The largest group in a sentence, for screen readers. */
export function describeBins(bins: readonly Bin[], total: number, edge: Edge): string {
  const fullest = bins.reduce((best, bin) => (bin.count > best.count ? bin : best));
  return DISTRIBUTION.fullest(count(total, "attempt"), fullest.count, edge(fullest.from), edge(fullest.to));
}

/** The label of a bar; empty where there is no space for it. */
export function labelAt(bins: readonly Bin[], at: number, edge: Edge, width: number): string {
  const bin = bins[at];
  if (bin === undefined) return "";
  const every = Math.ceil((bins.length * LABEL_PX) / Math.max(1, width));
  return at % every === 0 ? edge(bin.from) : "";
}

export function plotOptions(host: HTMLElement, bins: readonly Bin[], edge: Edge): uPlot.Options {
  const style = getComputedStyle(host);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  return {
    width: host.clientWidth,
    height: PLOT_HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-0.6, bins.length - 0.4] },
      y: { range: (_, __, max) => [0, Math.max(1, Math.ceil(max * 1.1))] },
    },
    axes: axes(host, bins, edge, color, style.fontFamily),
    series: [{}, bars(color)],
  };
}

function axes(
  host: HTMLElement,
  bins: readonly Bin[],
  edge: Edge,
  color: (name: string) => string,
  fontFamily: string,
): uPlot.Axis[] {
  const axis: uPlot.Axis = {
    stroke: color("--text-soft"),
    font: `12px ${fontFamily}`,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...axis,
      grid: { show: false },
      splits: () => bins.map((_, at) => at),
      values: (_, splits) => splits.map((at) => labelAt(bins, at, edge, host.clientWidth)),
    },
    { ...axis, size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
  ];
}

function bars(color: (name: string) => string): uPlot.Series {
  const paths = uPlot.paths.bars?.({ size: [0.82, 90], radius: 0.06 });
  return {
    fill: color("--accent"),
    stroke: color("--accent"),
    width: 0,
    points: { show: false },
    ...(paths === undefined ? {} : { paths }),
  };
}
