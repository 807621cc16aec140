// Chooses the tab of an attempt that is in charge: only that tab has the queue and the socket. The others wait and may take
// over. Without Web Locks (a page without a secure context, or a browser that blocks site data) every tab is in charge, and
// the hub keeps the newest connection.

/** How long the tab in charge has to hand over before the lock is taken from it. */
const HAND_OVER_MS = 2_000;
const HAND_OVER = "yield";

export interface LeaderEvents {
  /** This tab is in charge now. */
  onLead: () => void;
  /** Another tab is in charge; this one waits. */
  onWait: () => void;
  /** Another tab takes over: store everything, then resolve. */
  onHandOver: () => Promise<void>;
}

export class Leader {
  private readonly name: string;
  private readonly channel: BroadcastChannel | null;
  private release: (() => void) | null = null;
  private waiting: AbortController | null = null;
  private isStopped = false;
  private isDenied = false;

  constructor(
    attemptId: string,
    private readonly events: LeaderEvents,
  ) {
    this.name = `veritas-proctor:${attemptId}`;
    this.channel = openChannel(this.name);
    if (this.channel) this.channel.onmessage = (message) => void this.receive(message.data);
  }

  /** Take charge if no other tab has; else wait for it. */
  async start(): Promise<void> {
    if (!this.locks) {
      this.events.onLead();
      return;
    }
    const isLeading = await this.tryLock({ ifAvailable: true });
    if (isLeading || this.isStopped) return;
    if (this.isDenied) {
      this.events.onLead();
      return;
    }
    this.events.onWait();
    this.waitForLock();
  }

  /** Take over: first ask the tab in charge, then take the lock from it. */
  async takeOver(): Promise<void> {
    if (this.release !== null || !this.locks) return;
    this.channel?.postMessage(HAND_OVER);
    await new Promise((resolve) => setTimeout(resolve, HAND_OVER_MS));
    if (this.release !== null || this.isStopped) return;
    this.waiting?.abort();
    void this.tryLock({ steal: true });
  }

  stop(): void {
    this.isStopped = true;
    this.waiting?.abort();
    this.release?.();
    this.release = null;
    this.channel?.close();
  }

  private get locks(): LockManager | undefined {
    return typeof navigator === "undefined" || this.isDenied ? undefined : navigator.locks;
  }

  private async receive(message: unknown): Promise<void> {
    if (message !== HAND_OVER || this.release === null) return;
    await this.events.onHandOver();
    this.release?.();
    this.release = null;
    if (!this.isStopped) {
      this.events.onWait();
      this.waitForLock();
    }
  }

  private waitForLock(): void {
    this.waiting = new AbortController();
    void this.tryLock({ signal: this.waiting.signal });
  }

  /** Request the lock and hold it until `release` is called; resolves to whether it was granted. */
  private tryLock(options: LockOptions): Promise<boolean> {
    return new Promise((resolve) => {
      let ownRelease: (() => void) | null = null;
      const held = this.locks?.request(this.name, options, (lock) => {
        if (lock === null || this.isStopped) {
          resolve(false);
          return undefined;
        }
        const done = new Promise<void>((release) => {
          this.release = ownRelease = release;
        });
        resolve(true);
        this.events.onLead();
        return done;
      });
      held?.catch((error: unknown) => {
        this.isDenied ||= error instanceof Error && error.name === "SecurityError";
        resolve(false);
        // Either the request was aborted before it was granted, or the lock was held here and another tab has taken it.
        if (ownRelease !== null && this.release === ownRelease) void this.lose();
      });
    });
  }

  /** Another tab has taken the lock. */
  private async lose(): Promise<void> {
    this.release = null;
    if (this.isStopped) return;
    await this.events.onHandOver();
    if (this.isStopped) return;
    this.events.onWait();
    this.waitForLock();
  }
}

function openChannel(name: string): BroadcastChannel | null {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}
