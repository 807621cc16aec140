// One tab of an attempt leads: it alone holds the queue and the socket. The others are told, wait, and may take over.
// Without Web Locks (a page that is not secure) every tab leads, and the hub's own law decides: the newest wins.

const PATIENCE_MS = 2_000;

export interface LeaderEvents {
  /** This tab leads now. */
  onLead: () => void;
  /** Another tab leads; this one waits. */
  onWait: () => void;
  /** Another tab takes over: put everything away, then resolve. */
  onYield: () => Promise<void>;
}

export class Leader {
  private readonly name: string;
  private readonly channel: BroadcastChannel | null;
  private release: (() => void) | null = null;
  private waiting: AbortController | null = null;
  private isStopped = false;

  constructor(
    attemptId: string,
    private readonly events: LeaderEvents,
  ) {
    this.name = `veritas-proctor:${attemptId}`;
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(this.name);
    if (this.channel) this.channel.onmessage = (message) => void this.hear(message.data);
  }

  /** Lead if nobody does, else wait for it. */
  async stand(): Promise<void> {
    if (!this.locks) {
      this.events.onLead();
      return;
    }
    const isLeading = await this.tryLock({ ifAvailable: true });
    if (isLeading || this.isStopped) return;
    this.events.onWait();
    this.waitInLine();
  }

  /** Take over from the tab that leads: ask first, then insist. */
  async takeOver(): Promise<void> {
    if (this.release !== null || !this.locks) return;
    this.channel?.postMessage("yield");
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
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
    return typeof navigator === "undefined" ? undefined : navigator.locks;
  }

  private async hear(message: unknown): Promise<void> {
    if (message !== "yield" || this.release === null) return;
    await this.events.onYield();
    this.release?.();
    this.release = null;
    if (!this.isStopped) {
      this.events.onWait();
      this.waitInLine();
    }
  }

  private waitInLine(): void {
    this.waiting = new AbortController();
    void this.tryLock({ signal: this.waiting.signal });
  }

  /** Ask for the lock and hold it until released; whether it was given at all. */
  private tryLock(options: LockOptions): Promise<boolean> {
    return new Promise((resolve) => {
      let mine: (() => void) | null = null;
      const held = this.locks?.request(this.name, options, (lock) => {
        if (lock === null || this.isStopped) {
          resolve(false);
          return undefined;
        }
        const done = new Promise<void>((release) => {
          this.release = mine = release;
        });
        resolve(true);
        this.events.onLead();
        return done;
      });
      held?.catch(() => {
        resolve(false);
        // A request that was given up in the line holds nothing; this one did, and was stolen.
        if (mine !== null && this.release === mine) void this.lose();
      });
    });
  }

  /** A tab that could not wait has taken the lead. */
  private async lose(): Promise<void> {
    this.release = null;
    if (this.isStopped) return;
    await this.events.onYield();
    if (this.isStopped) return;
    this.events.onWait();
    this.waitInLine();
  }
}
