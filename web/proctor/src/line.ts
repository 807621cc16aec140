// One websocket at a time, opened with a fresh ticket. It knows no frame; a socket that was cut is heard of no more.

import { ABNORMAL, SUBPROTOCOL } from "./frames.ts";

/** How long a socket may take to open. */
const OPEN_MS = 10_000;

/** Thrown by `getTicket` when the sign-in has ended: there is no use in trying again. */
export class SignedOut extends Error {}

export interface LineEvents {
  onOpen: (ticket: string) => void;
  onText: (text: string) => void;
  onClose: (code: number, options: { isSignedOut: boolean }) => void;
}

export class Line {
  private socket: WebSocket | null = null;
  private attempt = 0;

  constructor(
    private readonly url: string,
    private readonly getTicket: () => Promise<string>,
    private readonly events: LineEvents,
  ) {}

  async open(): Promise<void> {
    this.cut();
    const mine = this.attempt;
    let ticket: string;
    try {
      ticket = await this.getTicket();
    } catch (error) {
      const isSignedOut = error instanceof SignedOut;
      if (mine === this.attempt) this.events.onClose(ABNORMAL, { isSignedOut });
      return;
    }
    if (mine === this.attempt) this.connect(ticket);
  }

  send(text: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(text);
  }

  /** Drop the socket without waiting for a goodbye: a dead network would never give one. */
  cut(): void {
    this.attempt += 1;
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private connect(ticket: string): void {
    const socket = new WebSocket(this.url, SUBPROTOCOL);
    this.socket = socket;
    const tooLong = setTimeout(() => {
      if (this.socket !== socket) return;
      this.cut();
      this.events.onClose(ABNORMAL, { isSignedOut: false });
    }, OPEN_MS);
    socket.onopen = () => {
      clearTimeout(tooLong);
      this.events.onOpen(ticket);
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (typeof message.data === "string") this.events.onText(message.data);
    };
    socket.onclose = (closed) => {
      clearTimeout(tooLong);
      if (this.socket !== socket) return;
      this.socket = null;
      this.events.onClose(closed.code, { isSignedOut: false });
    };
  }
}
