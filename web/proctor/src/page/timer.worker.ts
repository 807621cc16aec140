// The worker of the timer: sends a message twice a second.

const TICK_MS = 500;

setInterval(() => postMessage(0), TICK_MS);
