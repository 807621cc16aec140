// A WebSocket for tests: it records what is sent and does what the test says. It must never be part of a page.

export class FakeWebSocket {
  static readonly OPEN = 1;
  /** Every socket since `reset`, oldest first. */
  static sockets: FakeWebSocket[] = [];

  readyState = 0;
  readonly sent: string[] = [];
  closedWith: (number | undefined)[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((closed: { code: number }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeWebSocket.sockets.push(this);
  }

  static reset(): void {
    FakeWebSocket.sockets = [];
  }

  static get last(): FakeWebSocket {
    const socket = FakeWebSocket.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(code?: number): void {
    this.readyState = 3;
    this.closedWith.push(code);
  }

  /** The handshake succeeds. */
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  receive(data: unknown): void {
    this.onmessage?.({ data });
  }

  /** The peer or the network ends the connection. */
  end(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}
