/**
 * The console's connection to the hub: follows the boards that are open and sends the user's commands. A command is sent
 * again after a reconnection under its id, so that the hub carries it out once.
 */

import { signal } from "@preact/signals";
import { RESULTS } from "../texts/commands.ts";
import type { Command, ErrorFrame, FlagStatus, HubFrame, Result, Since, Welcome } from "./frames.ts";
import { LiveBoard } from "./live-board.ts";
import { ConsoleSocket, type Credentials, type SocketOwner, type SocketState } from "./socket.ts";

/** After this time without a result, the page shows that the result is unknown. */
const RESULT_DUE_MS = 20_000;
const BUSY_RETRY_MS = 1_000;

/** No result came in time. The command may still be carried out. */
export class NoResult extends Error {
  override name = "NoResult";
}

interface PendingCommand {
  readonly command: Command;
  readonly finish: (result: Result) => void;
}

export type CommandRequest =
  | { action: "message"; to: "all" | string[]; text: string }
  | { action: "end" | "waive"; to: string[]; reason: string }
  | { action: "review"; flag_id: string; decision: FlagStatus; seen: FlagStatus; reason: string };

interface OpenBoard {
  readonly board: LiveBoard;
  viewers: number;
  focus: number[];
}

export class ConsoleConnection implements SocketOwner {
  readonly state = signal<SocketState>({ kind: "connecting" });
  /** How long ago the last frame was received, ms; null before the first one. */
  readonly ageMs = signal<number | null>(null);

  private readonly boards = new Map<string, OpenBoard>();
  private readonly pending = new Map<string, PendingCommand>();
  private readonly socket: ConsoleSocket;
  private hasReceived = false;
  private isStarted = false;

  constructor(url: string, credentials: Credentials) {
    this.socket = new ConsoleSocket(url, credentials, this);
  }

  /** Follow an exam until `leave`. The first call opens the socket. */
  open(examId: string): LiveBoard {
    let entry = this.boards.get(examId);
    if (entry === undefined) {
      entry = { board: new LiveBoard(examId, this), viewers: 0, focus: [] };
      this.boards.set(examId, entry);
      if (this.isStarted) entry.board.reconnected();
    }
    entry.viewers += 1;
    if (!this.isStarted) {
      this.isStarted = true;
      this.socket.start();
    }
    return entry.board;
  }

  leave(examId: string): void {
    const entry = this.boards.get(examId);
    if (entry === undefined) return;
    entry.viewers -= 1;
    if (entry.viewers > 0) return;
    this.boards.delete(examId);
    entry.board.close();
    this.socket.send({ t: "unwatch", exam_id: examId });
  }

  stop(): void {
    this.socket.stop();
  }

  /** Connect again if the hub closed the socket because the session had ended. */
  signedInAgain(): void {
    this.socket.signedInAgain();
  }

  /** Connect now instead of after the current wait. */
  hurry(): void {
    this.socket.hurry();
  }

  /** Receive the event counts of these attempts within a second instead of within 15 s. */
  focus(examId: string, ix: readonly number[]): void {
    const entry = this.boards.get(examId);
    if (entry === undefined || sameNumbers(entry.focus, ix)) return;
    entry.focus = [...ix];
    this.socket.send({ t: "focus", exam_id: examId, ix: entry.focus });
  }

  watch(examId: string, since: Since | null): void {
    this.socket.send({ t: "watch", exam_id: examId, since });
    const focus = this.boards.get(examId)?.focus ?? [];
    if (focus.length > 0) this.socket.send({ t: "focus", exam_id: examId, ix: focus });
  }

  /** Send a command and wait for its result. Throws NoResult; the hub may still carry the command out. */
  command(examId: string, request: CommandRequest): Promise<Result> {
    const command: Command = { t: "command", id: crypto.randomUUID(), exam_id: examId, ...request };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(command.id);
        reject(new NoResult(RESULTS.noAnswer));
      }, RESULT_DUE_MS);
      const finish = (result: Result): void => {
        clearTimeout(timer);
        this.pending.delete(command.id);
        resolve(result);
      };
      this.pending.set(command.id, { command, finish });
      this.socket.send(command);
    });
  }

  onState(state: SocketState): void {
    if (state.kind === "live") this.hasReceived = true;
    this.state.value = state;
    this.ageMs.value = this.hasReceived ? performance.now() - this.socket.receivedAt : null;
  }

  onWelcome(_: Welcome): void {
    for (const { board } of this.boards.values()) board.reconnected();
    for (const { command } of this.pending.values()) this.socket.send(command);
  }

  onFrame(frame: HubFrame): void {
    switch (frame.t) {
      case "snapshot":
      case "delta":
      case "resync":
        this.boards.get(frame.exam_id)?.board.receive(frame);
        break;
      case "live":
        this.boards.get(frame.exam_id)?.board.receiveLive(frame);
        break;
      case "result":
        this.pending.get(frame.id)?.finish(frame);
        break;
      case "error":
        this.receiveError(frame);
        break;
      default:
        break;
    }
  }

  private receiveError({ exam_id: examId, code, detail, retry_ms: retryMs }: ErrorFrame): void {
    const board = examId === undefined || examId === null ? undefined : this.boards.get(examId)?.board;
    if (board === undefined) return;
    if (code === "busy") setTimeout(() => board.reconnected(), retryMs ?? BUSY_RETRY_MS);
    else if (code === "forbidden" || code === "not_found") board.refused.value = detail;
  }
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((number, at) => number === b[at]);
}
