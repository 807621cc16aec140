/**
 * Which of many rows of equal height are near the visible part of the page. Only they are drawn, so that a thousand
 * students cost no more than a screenful (docs/decisions/0028-libraries-of-the-pages.md says why this is no library).
 */

import { useEffect, useRef, useState } from "preact/hooks";

/** Rows drawn beyond the visible part, on each side. */
const SPARE_ROWS = 6;
/** Rows drawn before the first measurement. */
const FIRST_ROWS = 60;

export interface Range {
  readonly start: number;
  /** The first row that is not drawn. */
  readonly end: number;
}

/** The rows to draw. `top` is the position of row 0 relative to the top of the screen. Pure. */
export function visibleRange(rows: number, rowPx: number, top: number, screenPx: number): Range {
  const first = Math.floor(Math.max(0, -top) / rowPx) - SPARE_ROWS;
  const last = Math.ceil(Math.max(0, screenPx - top) / rowPx) + SPARE_ROWS;
  return { start: Math.max(0, Math.min(first, rows)), end: Math.max(0, Math.min(rows, last)) };
}

/** Call `onMove` when the page scrolls or changes its size, at most once a frame. */
function useViewportChanges(onMove: () => void): void {
  useEffect(() => {
    let frame = 0;
    const schedule = (): void => {
      if (frame !== 0) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        onMove();
      });
    };
    addEventListener("scroll", schedule, { passive: true, capture: true });
    addEventListener("resize", schedule, { passive: true });
    return () => {
      removeEventListener("scroll", schedule, { capture: true });
      removeEventListener("resize", schedule);
      cancelAnimationFrame(frame);
    };
  }, []);
}

interface VisibleRows<E extends HTMLElement> {
  /** For the element that contains the rows. */
  ref: (element: E | null) => void;
  container: { current: E | null };
  range: Range;
}

/** Follow the visible rows. Up to `drawnWhole` rows all are drawn, so that the browser's search finds them. */
export function useVisibleRows<E extends HTMLElement>(rows: number, rowPx: number, drawnWhole: number): VisibleRows<E> {
  const container = useRef<E | null>(null);
  const [range, setRange] = useState<Range>({ start: 0, end: FIRST_ROWS });
  const measure = useRef<() => void>(() => undefined);
  measure.current = () => {
    if (container.current === null || rows <= drawnWhole) return;
    const next = visibleRange(rows, rowPx, container.current.getBoundingClientRect().top, innerHeight);
    setRange((before) => (before.start === next.start && before.end === next.end ? before : next));
  };
  useViewportChanges(() => measure.current());
  useEffect(() => measure.current(), [rows, rowPx]);
  const ref = (element: E | null): void => {
    container.current = element;
  };
  return { ref, container, range: rows <= drawnWhole ? { start: 0, end: rows } : range };
}
