// Beats in a thread of its own: browsers slow the timers of a page in the background down, not a worker's.

const BEAT_MS = 500;

setInterval(() => postMessage(0), BEAT_MS);
