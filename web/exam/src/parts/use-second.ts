// Renders a component again every second.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** Return how many seconds the component has been shown. */
export function useSecond(): number {
  const seconds = useSignal(0);
  useEffect(() => {
    const timer = setInterval(() => (seconds.value += 1), 1_000);
    return () => clearInterval(timer);
  }, []);
  return seconds.value;
}
