// One WebSocket to the hub at a time, opened with a fresh ticket. It must never decide when to connect again, and it
// knows no frame. After `cut` or a newer `open`, events of the old socket are ignored.

import { ABNORMAL } from "./reconnect.ts";

export const SUBPROTOCOL = "veritas.v1.json";

/** How long a socket may take to open. */
const OPEN_MS = 10_000;

/** Thrown by `getTicket` when the user is signed out: trying again has no use. */
export class SignedOut extends Error {}

export interface SocketEvents {
  /** The socket is open: send hello with the ticket. */
  onOpen: (ticket: string) => void;
  onText: (text: string) => void;
  /** The socket has closed or could not be opened; `isSignedOut` when `getTicket` threw `SignedOut`. */
  onClose: (code: number, options: { isSignedOut: boolean }) => void;
}

export class TicketSocket {
  private socket: WebSocket | null = null;
  /** Number of the current try: what belongs to an older one is ignored. */
  private attempt = 0;

  constructor(
    private readonly url: string,
    private readonly getTicket: () => Promise<string>,
    private readonly events: SocketEvents,
    private readonly openMs = OPEN_MS,
  ) {}

  /** Whether text can be sent now. */
  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  /** Fetch a ticket and open a socket in place of the current one. */
  async open(): Promise<void> {
    this.cut();
    const { attempt } = this;
    let ticket: string;
    try {
      ticket = await this.getTicket();
    } catch (error) {
      const isSignedOut = error instanceof SignedOut;
      if (attempt === this.attempt) this.events.onClose(ABNORMAL, { isSignedOut });
      return;
    }
    if (attempt === this.attempt) this.connect(ticket);
  }

  /** Send if open; else drop the text. */
  send(text: string): void {
    if (this.isOpen) this.socket?.send(text);
  }

  /** Drop the socket without waiting for the close handshake, which a dead network never completes. */
  cut(code?: number): void {
    this.attempt += 1;
    const { socket } = this;
    this.socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  private connect(ticket: string): void {
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    this.socket = socket;
    const timeout = setTimeout(() => {
      if (this.socket !== socket) return;
      this.cut();
      this.events.onClose(ABNORMAL, { isSignedOut: false });
    }, this.openMs);
    socket.onopen = () => {
      clearTimeout(timeout);
      this.events.onOpen(ticket);
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (typeof message.data === "string") this.events.onText(message.data);
    };
    socket.onclose = (closed) => {
      clearTimeout(timeout);
      if (this.socket !== socket) return;
      this.socket = null;
      this.events.onClose(closed.code, { isSignedOut: false });
    };
  }
}
