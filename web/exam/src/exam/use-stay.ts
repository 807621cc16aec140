// Keeps the running exam open when the student goes back in the history of the browser.

import { go } from "@veritas/shared/route.ts";
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** Going forward takes no longer than this; then the address is replaced. */
const FORWARD_MS = 3_000;

/** Return to the address `path` whenever the student has left it by the history, and signal that it has happened. */
export function useStay(path: string, isRunning: boolean): Signal<boolean> {
  const hasGoneBack = useSignal(false);
  useEffect(() => {
    if (!isRunning) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isHere = () => `${location.pathname}${location.search}` === path;
    const stay = () => {
      clearTimeout(timer);
      if (isHere()) return;
      hasGoneBack.value = true;
      // Forward, not a new entry: a browser skips entries that a page adds without a click.
      history.forward();
      timer = setTimeout(() => isHere() || go(path, { replace: true }), FORWARD_MS);
    };
    window.addEventListener("popstate", stay);
    return () => {
      clearTimeout(timer);
      window.removeEventListener("popstate", stay);
    };
  }, [path, isRunning]);
  return hasGoneBack;
}
