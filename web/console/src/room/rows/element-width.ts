/** The width of an element, followed while it changes. */

import { useEffect, useState } from "preact/hooks";

/** The width of the element in px; 0 before the first measurement. */
export function useElementWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
