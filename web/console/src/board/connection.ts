/**
 * The teacher's console on one socket: follows the boards that are looked at, and gives a person's orders. A command is
 * repeated over reconnections under the id it had, so it is carried out once.
 */

import { signal } from "@preact/signals";
import { Link, type LinkOwner, type LinkState } from "./link.ts";
import { Room } from "./live-board.ts";
import type { Command, FlagStatus, HubFrame, Result, Since, Welcome } from "./frames.ts";

/** How long an order may be without an answer before it is said that it is not known what became of it. */
const PATIENCE_MS = 20_000;

export class Unanswered extends Error {
  override name = "Unanswered";
}

interface Pending {
  readonly command: Command;
  readonly done: (result: Result) => void;
}

export type Order =
  | { action: "message"; to: "all" | string[]; text: string }
  | { action: "end"; to: string[]; reason: string }
  | { action: "review"; flag_id: string; decision: FlagStatus; seen: FlagStatus; reason: string };

export class Console implements LinkOwner {
  readonly link = signal<LinkState>({ kind: "connecting" });
  /** How long ago the hub was last heard, ms, at the last look; null before the first word. */
  readonly ageMs = signal<number | null>(null);

  private readonly rooms = new Map<string, { room: Room; viewers: number; focus: number[] }>();
  private readonly pending = new Map<string, Pending>();
  private readonly socket: Link;
  private heard = false;
  private started = false;

  constructor(
    url: string,
    private readonly sign: Pick<LinkOwner, "getTicket" | "getToken" | "isFinal">,
  ) {
    this.socket = new Link(url, this);
  }

  /** Follow an exam while somebody looks at it; the socket opens with the first. */
  open(examId: string): Room {
    let entry = this.rooms.get(examId);
    if (entry === undefined) {
      entry = { room: new Room(examId, this), viewers: 0, focus: [] };
      this.rooms.set(examId, entry);
      if (this.started) entry.room.reconnected();
    }
    entry.viewers += 1;
    if (!this.started) {
      this.started = true;
      this.socket.start();
    }
    return entry.room;
  }

  leave(examId: string): void {
    const entry = this.rooms.get(examId);
    if (entry === undefined) return;
    entry.viewers -= 1;
    if (entry.viewers > 0) return;
    this.rooms.delete(examId);
    entry.room.close();
    this.socket.send({ t: "unwatch", exam_id: examId });
  }

  stop(): void {
    this.socket.stop();
  }

  /** Connect now, if it is waiting to. */
  hurry(): void {
    this.socket.hurry();
  }

  /** Have these attempts' counts at once, not every 15 s. */
  focus(examId: string, ix: readonly number[]): void {
    const entry = this.rooms.get(examId);
    if (entry === undefined || (entry.focus.length === ix.length && entry.focus.every((one, at) => one === ix[at])))
      return;
    entry.focus = [...ix];
    this.socket.send({ t: "focus", exam_id: examId, ix: entry.focus });
  }

  watch(examId: string, since: Since | null): void {
    this.socket.send({ t: "watch", exam_id: examId, since });
    const focus = this.rooms.get(examId)?.focus ?? [];
    if (focus.length > 0) this.socket.send({ t: "focus", exam_id: examId, ix: focus });
  }

  /** Give an order and wait for what came of it. Throws Unanswered; the order may be carried out all the same. */
  order(examId: string, order: Order): Promise<Result> {
    const command: Command = { t: "command", id: crypto.randomUUID(), exam_id: examId, ...order };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(command.id);
        reject(new Unanswered("No answer from the hub yet."));
      }, PATIENCE_MS);
      const done = (result: Result): void => {
        clearTimeout(timer);
        this.pending.delete(command.id);
        resolve(result);
      };
      this.pending.set(command.id, { command, done });
      this.socket.send(command);
    });
  }

  getTicket(): Promise<string> {
    return this.sign.getTicket();
  }

  getToken(): Promise<{ token: string; until: number }> {
    return this.sign.getToken();
  }

  isFinal(error: unknown): boolean {
    return this.sign.isFinal(error);
  }

  onState(state: LinkState): void {
    if (state.kind === "live") this.heard = true;
    this.link.value = state;
    this.ageMs.value = this.heard ? performance.now() - this.socket.heardAt : null;
  }

  onWelcome(_: Welcome): void {
    for (const { room } of this.rooms.values()) room.reconnected();
    for (const { command } of this.pending.values()) this.socket.send(command);
  }

  onFrame(frame: HubFrame): void {
    switch (frame.t) {
      case "snapshot":
      case "delta":
      case "resync":
        this.rooms.get(frame.exam_id)?.room.take(frame);
        break;
      case "live":
        this.rooms.get(frame.exam_id)?.room.takeLive(frame);
        break;
      case "result":
        this.pending.get(frame.id)?.done(frame);
        break;
      case "error":
        this.takeError(frame.code, frame.detail, frame.retry_ms ?? null);
        break;
      default:
        break;
    }
  }

  private takeError(code: string, detail: string, retryMs: number | null): void {
    const named = [...this.rooms.values()].filter(({ room }) => detail.includes(room.examId));
    for (const { room } of named) {
      if (code === "busy") setTimeout(() => room.reconnected(), retryMs ?? 1_000);
      else if (code === "forbidden" || code === "not_found") room.refused.value = detail;
    }
  }
}
