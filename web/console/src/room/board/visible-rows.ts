/** Which of many equal rows are near the screen, so that a thousand students cost no more than a screenful. */

import { useEffect, useRef, useState } from "preact/hooks";

const SPARE_ROWS = 6;

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The rows from `start` up to `end` are to be drawn; pure. `top` is where the first one would be on the screen. */
export function spanOf(rows: number, rowPx: number, top: number, screenPx: number): Span {
  const first = Math.floor(Math.max(0, -top) / rowPx) - SPARE_ROWS;
  const last = Math.ceil(Math.max(0, screenPx - top) / rowPx) + SPARE_ROWS;
  return { start: Math.max(0, Math.min(first, rows)), end: Math.max(0, Math.min(rows, last)) };
}

/** Follows the page's scrolling; the box gets `ref`. Below `all` rows everything is drawn, and can be searched by the browser. */
export function useWindow<E extends HTMLElement>(
  rows: number,
  rowPx: number,
  all: number,
): { ref: (box: E | null) => void; span: Span; box: { current: E | null } } {
  const box = useRef<E | null>(null);
  const [span, setSpan] = useState<Span>({ start: 0, end: 60 });
  const look = useRef((): void => undefined);
  look.current = () => {
    if (box.current === null || rows <= all) return;
    const next = spanOf(rows, rowPx, box.current.getBoundingClientRect().top, innerHeight);
    setSpan((before) => (before.start === next.start && before.end === next.end ? before : next));
  };
  useEffect(() => {
    let frame = 0;
    const onMove = (): void => {
      if (frame !== 0) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        look.current();
      });
    };
    addEventListener("scroll", onMove, { passive: true, capture: true });
    addEventListener("resize", onMove, { passive: true });
    return () => {
      removeEventListener("scroll", onMove, { capture: true });
      removeEventListener("resize", onMove);
      cancelAnimationFrame(frame);
    };
  }, []);
  useEffect(() => look.current(), [rows, rowPx]);
  return {
    ref: (found) => {
      box.current = found;
    },
    box,
    span: rows <= all ? { start: 0, end: rows } : span,
  };
}
