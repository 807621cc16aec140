/** A distribution as bars, drawn by uPlot in the colors of the theme, with the same numbers as a table. */

import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { shown } from "@veritas/shared/theme.ts";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Bin } from "../../../rest/types.ts";
import { DISTRIBUTION } from "../../../texts/analytics.ts";
import { PLOT_HEIGHT_PX, describeBins, plotOptions } from "./histogram-options.ts";

interface HistogramProps {
  title: string;
  about: string;
  bins: readonly Bin[];
  /** Formats the edge of a bar. */
  edge: (value: number) => string;
}

export function Histogram({ title, about, bins, edge }: HistogramProps): JSX.Element {
  const id = useId();
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  return (
    <figure class="v-card v-stack-s" aria-labelledby={id}>
      <figcaption>
        <h3 id={id}>{title}</h3>
        <p class="v-small v-soft">{about}</p>
      </figcaption>
      {total === 0 ? (
        <p class="v-soft">{DISTRIBUTION.empty}</p>
      ) : (
        <>
          <Plot bins={bins} edge={edge} />
          <BinTable bins={bins} edge={edge} />
          <p class="v-hidden">{describeBins(bins, total, edge)}</p>
        </>
      )}
    </figure>
  );
}

type BinsProps = Pick<HistogramProps, "bins" | "edge">;

function Plot({ bins, edge }: BinsProps): JSX.Element {
  const box = useRef<HTMLDivElement>(null);
  const theme = shown.value;
  useEffect(() => {
    const host = box.current;
    if (host === null) return;
    const data: uPlot.AlignedData = [bins.map((_, at) => at), bins.map((bin) => bin.count)];
    const plot = new uPlot(plotOptions(host, bins, edge), data, host);
    const observer = new ResizeObserver(() => {
      if (host.clientWidth !== plot.width) plot.setSize({ width: host.clientWidth, height: PLOT_HEIGHT_PX });
    });
    observer.observe(host);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [bins, theme]);
  return <div ref={box} class="c-plot" aria-hidden="true" />;
}

function BinTable({ bins, edge }: BinsProps): JSX.Element {
  return (
    <details class="c-details">
      <summary>{DISTRIBUTION.table}</summary>
      <table class="v-table">
        <thead>
          <tr>
            <th scope="col">{DISTRIBUTION.from}</th>
            <th scope="col">{DISTRIBUTION.to}</th>
            <th scope="col" data-align="end">
              {DISTRIBUTION.attempts}
            </th>
          </tr>
        </thead>
        <tbody>
          {bins.map((bin) => (
            <tr key={bin.from}>
              <td class="v-number">{edge(bin.from)}</td>
              <td class="v-number">{edge(bin.to)}</td>
              <td data-align="end">{bin.count}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
