// Whether the user of a page does something. It must never keep what the user does, only that something happened.

const INPUTS = ["pointerdown", "keydown", "wheel", "touchstart"] as const;

/** Return a function that tells whether there was no input since its last call. Opening the page counts as input. */
export function watchIdle(target: Pick<Window, "addEventListener"> = window): () => boolean {
  let used = true;
  for (const input of INPUTS) {
    target.addEventListener(input, () => (used = true), { capture: true, passive: true });
  }
  return () => {
    const idle = !used;
    used = false;
    return idle;
  };
}
