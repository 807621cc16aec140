// Repeats a sign-in that the hub had no place for, after the time that the hub named. It must never repeat a sign-in that was
// refused for another reason, or whose outcome is unknown, nor keep what was typed after its last try.
import { Problem } from "../api.ts";

/** Why a sign-in waits, and for how many seconds still; 0 while it is sent again. */
export interface Pause {
  reason: "busy" | "limited";
  seconds: number;
}

/** How long a sign-in waits at most, all its pauses together. */
export const PATIENCE_S = 300;

export interface Patience {
  signal: AbortSignal;
  onPause: (pause: Pause | null) => void;
  /** Also wait after too many failures. A code needs no such wait: only one that is not valid is limited. */
  untilAllowed?: boolean;
  random?: () => number;
}

/** Send until there is a place; null when the signal is aborted. Throws what the last try threw. */
export async function patiently<T>(
  send: (signal: AbortSignal) => Promise<T>,
  { signal, onPause, untilAllowed = false, random = Math.random }: Patience,
): Promise<T | null> {
  let leftS = PATIENCE_S;
  try {
    for (;;) {
      try {
        return await send(signal);
      } catch (error) {
        if (signal.aborted) return null;
        const reason = reasonOf(error, untilAllowed);
        if (reason === null) throw error;
        // Those who were refused together do not come back together.
        const seconds = Math.ceil(((error as Problem).retryMs ?? 0) / 1_000) + Math.round(random() * 2);
        leftS -= Math.max(seconds, 1);
        if (leftS < 0) throw error;
        for (let left = seconds; left > 0; left -= 1) {
          onPause({ reason, seconds: left });
          await second(signal);
          if (signal.aborted) return null;
        }
        onPause({ reason, seconds: 0 });
      }
    }
  } finally {
    onPause(null);
  }
}

function reasonOf(error: unknown, untilAllowed: boolean): Pause["reason"] | null {
  if (!(error instanceof Problem) || error.retryMs === null) return null;
  if (error.status === 503) return "busy";
  return error.status === 429 && untilAllowed ? "limited" : null;
}

function second(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, 1_000);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
    signal.addEventListener("abort", end);
  });
}
