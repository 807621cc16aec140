// The heartbeat of a page: from a worker where there is one, else from a timer of the page itself.

const BEAT_MS = 500;

/** Call `beat` about twice a second until the returned function is called. */
export function startTimer(beat: () => void): () => void {
  try {
    const worker = new Worker(new URL("./timer.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = beat;
    let timer: ReturnType<typeof setInterval> | undefined;
    worker.onerror = () => {
      timer ??= setInterval(beat, BEAT_MS);
    };
    return () => {
      worker.terminate();
      clearInterval(timer);
    };
  } catch {
    const timer = setInterval(beat, BEAT_MS);
    return () => clearInterval(timer);
  }
}
