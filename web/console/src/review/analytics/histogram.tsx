/** A distribution as bars, drawn by uPlot in the theme's colours; the same numbers stand beside it as a table. */

import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { shown } from "@veritas/shared/theme.ts";
import type { Bucket } from "../../rest/types.ts";
import { count } from "../../format/format.ts";

interface PlotProps {
  title: string;
  about: string;
  buckets: readonly Bucket[];
  /** How the edge of a bar is written. */
  edge: (value: number) => string;
}

const HEIGHT_PX = 220;

export function Histogram({ title, about, buckets, edge }: PlotProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const theme = shown.value;
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
  useEffect(() => {
    const host = box.current;
    if (host === null || total === 0) return;
    const plot = new uPlot(
      optionsOf(host, buckets, edge),
      [buckets.map((_, at) => at), buckets.map((bucket) => bucket.count)],
      host,
    );
    const watcher = new ResizeObserver(() => {
      if (host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height: HEIGHT_PX });
    });
    watcher.observe(host);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [buckets, theme, total]);
  return (
    <figure class="v-card v-stack-s" aria-labelledby={id}>
      <figcaption>
        <h3 id={id}>{title}</h3>
        <p class="v-small v-soft">{about}</p>
      </figcaption>
      {total === 0 ? (
        <p class="v-soft">Nothing to draw yet.</p>
      ) : (
        <>
          <div ref={box} class="c-plot" aria-hidden="true" />
          <details class="c-details">
            <summary>The numbers as a table</summary>
            <table class="v-table">
              <thead>
                <tr>
                  <th scope="col">From</th>
                  <th scope="col">To</th>
                  <th scope="col" data-align="end">
                    Attempts
                  </th>
                </tr>
              </thead>
              <tbody>
                {buckets.map((bucket) => (
                  <tr key={bucket.from}>
                    <td class="v-number">{edge(bucket.from)}</td>
                    <td class="v-number">{edge(bucket.to)}</td>
                    <td data-align="end">{bucket.count}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </details>
          <p class="v-hidden">{summarise(buckets, total, edge)}</p>
        </>
      )}
    </figure>
  );
}

/** The fullest part in a sentence. */
export function summarise(buckets: readonly Bucket[], total: number, edge: (value: number) => string): string {
  const most = buckets.reduce((best, bucket) => (bucket.count > best.count ? bucket : best));
  return `${count(total, "attempt")}; most, ${most.count}, lie from ${edge(most.from)} to ${edge(most.to)}.`;
}

function optionsOf(host: HTMLElement, buckets: readonly Bucket[], edge: (value: number) => string): uPlot.Options {
  const style = getComputedStyle(host);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour("--text-soft"),
    font: `12px ${style.fontFamily}`,
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: host.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-0.6, buckets.length - 0.4] },
      y: { range: (_, __, max) => [0, Math.max(1, Math.ceil(max * 1.1))] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        splits: () => buckets.map((_, at) => at),
        values: (_, splits) => splits.map((at) => labelAt(buckets, at, edge, host.clientWidth)),
      },
      { ...axis, size: 36, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] },
    ],
    series: [
      {},
      {
        fill: colour("--accent"),
        stroke: colour("--accent"),
        width: 0,
        points: { show: false },
        ...(uPlot.paths.bars === undefined ? {} : { paths: uPlot.paths.bars({ size: [0.82, 90], radius: 0.06 }) }),
      },
    ],
  };
}

/** Narrow plots name every other bar only. */
function labelAt(buckets: readonly Bucket[], at: number, edge: (value: number) => string, width: number): string {
  const bucket = buckets[at];
  if (bucket === undefined) return "";
  const every = Math.ceil((buckets.length * 62) / Math.max(1, width));
  return at % every === 0 ? edge(bucket.from) : "";
}
