// A timer that ticks twice a second, also in a background tab. It runs in a worker where there is one, because browsers
// slow down the timers of background pages but not those of workers.

const TICK_MS = 500;

/** Call `tick` about twice a second. Returns a function that stops it. */
export function startTimer(tick: () => void): () => void {
  try {
    const worker = new Worker(new URL("./timer.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = tick;
    let timer: ReturnType<typeof setInterval> | undefined;
    worker.onerror = () => {
      timer ??= setInterval(tick, TICK_MS);
    };
    return () => {
      worker.terminate();
      clearInterval(timer);
    };
  } catch {
    const timer = setInterval(tick, TICK_MS);
    return () => clearInterval(timer);
  }
}
