/**
 * Keyboard control of the students: arrow keys, Home, End and Page keys move the focus, Space selects. Rows that are not
 * drawn can be reached too: the page scrolls to them first.
 */

import { useEffect, useRef, useState } from "preact/hooks";

/** Heights of the bars that cover the top of the page, and a margin below. */
const COVERED_TOP_PX = 140;
const SCROLL_TOP_PX = 200;
const SCROLL_BOTTOM_PX = 80;

/** The index that a key moves to; undefined for other keys. `perPage` is the number of rows on a screen. Pure. */
export function targetIndex(
  key: string,
  at: number,
  count: number,
  perLine: number,
  perPage: number,
): number | undefined {
  const targets: Record<string, number> = {
    ArrowDown: at + perLine,
    ArrowUp: at - perLine,
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    Home: 0,
    End: count - 1,
    PageDown: at + perPage,
    PageUp: at - perPage,
  };
  const target = targets[key];
  return target === undefined ? undefined : Math.max(0, Math.min(count - 1, target));
}

function scrollTo(container: HTMLElement, line: number, linePx: number): void {
  const top = container.getBoundingClientRect().top + line * linePx;
  if (top < COVERED_TOP_PX) scrollBy({ top: top - SCROLL_TOP_PX });
  else if (top + linePx > innerHeight) scrollBy({ top: top + linePx - innerHeight + SCROLL_BOTTOM_PX });
}

/** Focus the button of a student as soon as it is drawn. */
function useFocusWhenDrawn(container: { current: HTMLElement | null }): (student: string) => void {
  const wanted = useRef<string | null>(null);
  useEffect(() => {
    if (wanted.current === null) return;
    const button = container.current?.querySelector<HTMLElement>(`[data-student="${wanted.current}"]`) ?? null;
    if (button === null) return;
    wanted.current = null;
    button.focus({ preventScroll: true });
    button.scrollIntoView({ block: "nearest" });
  });
  return (student) => {
    wanted.current = student;
  };
}

interface Students {
  readonly ids: readonly string[];
  readonly perLine: number;
  readonly linePx: number;
  readonly container: { current: HTMLElement | null };
  /** Called for Space. */
  readonly onToggle: (studentId: string) => void;
}

interface Keyboard {
  /** The one student that Tab reaches. */
  activeId: string | null;
  onKeyDown: (event: KeyboardEvent) => void;
  onFocus: (studentId: string) => void;
}

export function useKeyboard({ ids, perLine, linePx, container, onToggle }: Students): Keyboard {
  const [active, setActive] = useState<string | null>(null);
  const focusWhenDrawn = useFocusWhenDrawn(container);
  const at = Math.max(0, active === null ? 0 : ids.indexOf(active));
  const activeId = ids[at] ?? null;

  const onKeyDown = (event: KeyboardEvent): void => {
    const isStudent = (event.target as HTMLElement).dataset.student !== undefined;
    if (!isStudent || activeId === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const perPage = Math.max(1, Math.floor(innerHeight / linePx) - 2) * perLine;
    const target = targetIndex(event.key, at, ids.length, perLine, perPage);
    const id = target === undefined ? undefined : ids[target];
    if (target !== undefined && id !== undefined) {
      event.preventDefault();
      focusWhenDrawn(id);
      setActive(id);
      if (container.current !== null) scrollTo(container.current, Math.floor(target / perLine), linePx);
    } else if (event.key === " ") {
      event.preventDefault();
      onToggle(activeId);
    }
  };
  return { activeId, onKeyDown, onFocus: setActive };
}
