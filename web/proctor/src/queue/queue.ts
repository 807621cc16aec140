// The queue of a candidate: seqs, limits, window, acknowledgement and resume (docs/wire/README.md), as in
// `veritas/client/queue.py`. Pure. It must never touch a socket, clock or storage.
//
// Rule 1: an event leaves the queue only when the hub has acknowledged it, that is, has stored it; or when the queue is
// full: then the oldest event that was never sent is dropped, and a lost span takes its seq.
// Rule 2: seqs have no gaps. The queue always holds `acked + 1 .. nextSeq - 1`, lost seqs included.
// Rule 3: no seq is sent before it is stored on this device (`clear`), so that a page that crashes never uses one twice.
//
// Every slot is stored under a `key`. Keys only grow; seqs start at 1 again in every stream.

import type { Event, Events, Limits, Lost, Mark, Previous, Window } from "../session/frames.ts";
import { DEFAULT_LIMITS } from "../session/frames.ts";

/** How long an event waits for others to share its frame, while earlier ones are unacknowledged. */
export const LINGER_MS = 20;

/** The maximum size of an `events` frame without its events, and of a `lost` frame. */
export const FRAME_OVERHEAD = 64;

export const MAX_EVENTS = 20_000;
export const MAX_BYTES = 64 * 1024 * 1024;

const OVERFLOW = "overflow";
const SERVER_LOST = "server_lost";

interface Slot {
  /** Null when the events of `count` seqs were dropped. */
  event: Event | null;
  /** The event is stored encrypted; the hub has not sent the key yet. */
  isEncrypted: boolean;
  size: number;
  recordedMs: number;
  count: number;
}

/** One event with its seq; without an event, `count` seqs up to `seq` whose events were dropped. */
export interface QueueEntry {
  seq: number;
  key: number;
  event: Event | null;
  count: number;
}

/** The stored state of a queue, apart from its events; `key = seq + shift`. */
export interface QueueState {
  boot: string;
  stream: string | null;
  acked: number;
  /** The hub's proof that `acked` was acknowledged. It is not secret, and hello needs it before the key comes. */
  ackedMac?: string;
  nextSeq: number;
  shift: number;
  /** The highest seq of the stream that may have been sent on any connection. */
  sentEver: number;
}

/** The hub has broken the protocol, for example acknowledged a seq that was never sent. */
export class ProtocolError extends Error {}

/** The events that are recorded and not acknowledged. Times are ms of one monotonic clock. */
export class CandidateQueue {
  readonly boot: string;
  stream: string | null = null;
  /** The highest acknowledged seq of this stream. */
  acked = 0;
  /** The hub's proof that `acked` was acknowledged. */
  ackedMac = "";
  /** The next unused seq of this stream. */
  nextSeq = 1;
  /** How many events were lost, because the queue was full or could not be decrypted. */
  droppedTotal = 0;
  shift = 0;
  sentEver = 0;
  private slots: Slot[] = [];
  /** How many slots, from the oldest, may have been sent: these are never dropped. */
  private maybeSent = 0;
  private events = 0;
  private bytes = 0;
  /** How many slots were sent on this connection and are not acknowledged. */
  private sent = 0;
  private sentSeq = 0;
  private allowedTo = Infinity;
  private frames: { lastSeq: number; size: number }[] = [];
  private window: Window = { events: 0, bytes: 0 };
  private limits: Limits = DEFAULT_LIMITS;
  private lostTo: number | null = null;
  private isRotating = false;
  private helloSeq: number | null = null;
  private ackedMark: Mark | null = null;
  /** A seq under which the hub has stored another event. */
  private suspect: number | null = null;

  constructor(
    boot: string,
    private readonly maxEvents = MAX_EVENTS,
    private readonly maxBytes = MAX_BYTES,
  ) {
    this.boot = boot;
  }

  /** Restore a stored queue. `sizes` are the bytes of its events by key; the events follow with `decrypt`. */
  static restore(
    state: QueueState,
    sizes: ReadonlyMap<number, number>,
    maxEvents = MAX_EVENTS,
    maxBytes = MAX_BYTES,
  ): CandidateQueue {
    const queue = new CandidateQueue(state.boot, maxEvents, maxBytes);
    queue.stream = state.stream;
    queue.acked = queue.sentSeq = state.acked;
    queue.ackedMac = state.ackedMac ?? "";
    queue.nextSeq = state.nextSeq;
    queue.shift = state.shift;
    queue.sentEver = Math.max(state.sentEver, state.acked);
    queue.helloSeq = state.nextSeq;
    for (let seq = state.acked + 1; seq < state.nextSeq; seq++) {
      queue.restorePlace(sizes.get(seq + state.shift), seq <= queue.sentEver);
    }
    return queue;
  }

  /** How many seqs are not acknowledged yet. */
  get length(): number {
    return this.nextSeq - 1 - this.acked;
  }

  /** The next seq for hello. Seqs that were given since the page was loaded do not count: none was sent. */
  get nextSeqForHello(): number {
    return this.helloSeq ?? this.nextSeq;
  }

  /** How many slots were sent on this connection and are not acknowledged; a lost span counts as one. */
  get outstanding(): number {
    return this.sent;
  }

  /** Whether the hub wants a new stream and the old one is fully acknowledged: time for a new hello. */
  get hasRotated(): boolean {
    return this.isRotating && this.sent === 0 && this.lostTo === null;
  }

  get state(): QueueState {
    const { boot, stream, acked, ackedMac, nextSeq, shift, sentEver } = this;
    return { boot, stream, acked, ackedMac, nextSeq, shift, sentEver };
  }

  /** Every readable event of the queue, with its seq and key. */
  *entries(): Generator<QueueEntry> {
    let seq = this.acked;
    for (const slot of this.slots) {
      seq += slot.count;
      if (!slot.isEncrypted && slot.event !== null) {
        yield { seq, key: seq + this.shift, event: slot.event, count: 1 };
      }
    }
  }

  /**
   * Marks for hello, from which the hub can see that this queue was set back in time, as a snapshot of a machine is.
   * Another life of the queue may have used the seqs from the first unacknowledged one, from the first that was never
   * sent here, or from any in between: then the welcome names one, and the next hello has its mark.
   */
  marks(): Mark[] {
    const seqs = [this.acked + 1, this.acked + 2, this.sentEver + 1, this.nextSeqForHello - 1, this.suspect];
    const marks = this.ackedMark === null ? [] : [this.ackedMark];
    for (const { seq, event } of this.entries()) {
      if (seq >= this.nextSeqForHello) break;
      if (event !== null && seqs.includes(seq)) marks.push(markOf(seq, event));
    }
    return marks;
  }

  /**
   * Whether the hub has stored another event under a seq of this queue: then nothing may be removed. `last` is from a
   * welcome. If that opened no new stream, say hello again; `marks` has the seq now.
   */
  isSetBack(last: Mark | null | undefined): boolean {
    if (!last) return false;
    for (const { seq, event } of this.entries()) {
      if (seq > last.seq) return false;
      if (seq !== last.seq || event === null || (event.at === last.at && event.mono === last.mono)) continue;
      this.suspect = seq;
      return true;
    }
    return false;
  }

  /** Add an event of `size` encoded bytes; returns its seq, and what was dropped for it, possibly the event itself. */
  record(event: Event, size: number, nowMs: number): { seq: number; key: number; dropped: QueueEntry[] } {
    const seq = this.nextSeq++;
    this.slots.push({ event, isEncrypted: false, size, recordedMs: nowMs, count: 1 });
    this.events += 1;
    this.bytes += size;
    const dropped: QueueEntry[] = [];
    // A restored queue may exceed its limits with slots that were sent: those are never dropped.
    while ((this.events > this.maxEvents || this.bytes > this.maxBytes) && this.hasDroppable()) {
      dropped.push(this.dropOldest());
    }
    return { seq, key: seq + this.shift, dropped };
  }

  /** Fill in the stored events, by key. A missing one is lost; returns the keys of the lost ones. */
  decrypt(events: ReadonlyMap<number, Event>): number[] {
    const lost: number[] = [];
    let seq = this.acked;
    for (const slot of this.slots) {
      seq += slot.count;
      if (!slot.isEncrypted) continue;
      const key = seq + this.shift;
      slot.isEncrypted = false;
      slot.event = events.get(key) ?? null;
      if (slot.event === null) {
        this.events -= 1;
        this.bytes -= slot.size;
        slot.size = 0;
        this.droppedTotal += 1;
        lost.push(key);
      }
    }
    this.mergeLost();
    return lost;
  }

  /** Allow to send seqs up to `seq`: they are stored on this device. Infinity allows all, for a device without storage. */
  clear(seq: number): void {
    this.allowedTo = seq;
    if (Number.isFinite(seq)) this.sentEver = Math.max(this.sentEver, seq);
  }

  /**
   * Continue where the hub's welcome says. Returns what has left the queue, and whether the rest has new seqs.
   * Throws ProtocolError when the hub has acknowledged a seq that was never sent. Check `isSetBack` before, unless there
   * is a new stream.
   */
  resume(
    stream: string,
    committed: number,
    window: Window,
    limits: Limits,
    previous: Previous | null = null,
    { last = null, mac = "" }: { last?: Mark | null; mac?: string } = {},
  ): { removed: QueueEntry[]; isRenumbered: boolean } {
    this.disconnect();
    // After a power cut the last write may be missing: the stored state then does not know that these seqs were sent.
    if (this.helloSeq !== null && this.stream === stream) {
      this.sentEver = Math.max(this.sentEver, Math.min(committed, this.helloSeq - 1));
    }
    let stored = previous;
    if (stored !== null && this.isSetBack(last)) stored = { ...stored, committed: this.acked };
    else if (last !== null && last.seq < this.nextSeqForHello) this.sentEver = Math.max(this.sentEver, last.seq);
    this.helloSeq = this.suspect = null;
    let removed: QueueEntry[] = [];
    const isRenumbered = this.stream !== null && this.stream !== stream;
    if (isRenumbered) {
      removed = this.closeStream(stored);
      this.renumber();
    }
    this.stream = stream;
    this.window = window;
    this.limits = limits;
    // The hub has lost events that it had acknowledged, and this device no longer has them: report them as lost.
    if (committed < this.acked) this.lostTo = this.acked;
    return { removed: [...removed, ...this.acknowledge(committed, mac)], isRenumbered };
  }

  /** The connection has ended: nothing is outstanding, and nothing may be sent before the next welcome. */
  disconnect(): void {
    this.window = { events: 0, bytes: 0 };
    this.frames = [];
    this.sent = 0;
    this.sentSeq = this.acked;
    this.lostTo = null;
    this.isRotating = false;
  }

  /** The hub wants a new stream: send nothing more in this one, and wait until everything is acknowledged. */
  rotate(): void {
    this.isRotating = true;
  }

  /**
   * Remove everything up to `seq`, and keep its proof `mac`; an older acknowledgement changes nothing. Throws
   * ProtocolError if it was never sent.
   */
  acknowledge(seq: number, mac = ""): QueueEntry[] {
    if (seq > this.sentEver) {
      throw new ProtocolError(`seq ${seq} was acknowledged, but the highest sent seq is ${this.sentEver}`);
    }
    if (seq >= this.acked) this.ackedMac = mac;
    const removed: QueueEntry[] = [];
    let done = 0;
    while (this.acked < seq) {
      const slot = this.slots[done] as Slot;
      const count = Math.min(slot.count, seq - this.acked);
      slot.count -= count;
      this.acked += count;
      removed.push({ seq: this.acked, key: this.acked + this.shift, event: slot.event, count });
      this.ackedMark = slot.event === null ? null : markOf(this.acked, slot.event);
      if (slot.count === 0) {
        this.forget(slot);
        done += 1;
      }
    }
    this.slots.splice(0, done);
    this.maybeSent = Math.max(0, this.maybeSent - done);
    this.sent = Math.max(0, this.sent - done);
    // The acknowledgement may be for a batch of the last connection, which this one has not sent again yet.
    this.sentSeq = Math.max(this.sentSeq, this.acked);
    while (this.frames.length > 0 && (this.frames[0] as { lastSeq: number }).lastSeq <= this.acked) this.frames.shift();
    return removed;
  }

  /** Set new absolute totals; 0 stops sending until the next change. */
  setWindow(events: number, bytes: number): void {
    this.window = { events, bytes };
  }

  /** How long until `take` should be called, in ms; null when nothing can be sent. */
  waitMs(nowMs: number): number | null {
    if (this.lostTo !== null) return 0;
    const first = this.slots[this.sent];
    if (first === undefined || !this.maySend(first)) return null;
    const unsent = this.slots.length - this.sent;
    if (first.event === null || this.sent === 0 || unsent >= Math.min(this.limits.events_per_frame, this.room)) {
      return 0;
    }
    return Math.max(0, first.recordedMs + LINGER_MS - nowMs);
  }

  /** Take the next frame to send: contiguous, within the window and the hub's limits; null when there is none. */
  take(): Events | Lost | null {
    if (this.lostTo !== null) {
      const lost: Lost = { t: "lost", to_seq: this.lostTo, reason: SERVER_LOST };
      this.lostTo = null;
      return lost;
    }
    const slots = this.fitting();
    if (slots.length === 0) return null;
    const firstSeq = this.sentSeq + 1;
    this.sent += slots.length;
    for (const slot of slots) this.sentSeq += slot.count;
    this.sentEver = Math.max(this.sentEver, this.sentSeq);
    this.maybeSent = Math.max(this.maybeSent, this.sent);
    const size = slots.reduce((total, slot) => total + slot.size + 1, FRAME_OVERHEAD);
    this.frames.push({ lastSeq: this.sentSeq, size });
    const events = slots.flatMap((slot) => (slot.event === null ? [] : [slot.event]));
    return events.length > 0
      ? { t: "events", first_seq: firstSeq, events }
      : { t: "lost", to_seq: this.sentSeq, reason: OVERFLOW };
  }

  /** The highest seq that was sent on this connection. */
  get sentTo(): number {
    return this.sentSeq;
  }

  /** Seqs up to `seq` were sent by a request, not on the connection. */
  sentByRequest(seq: number): void {
    this.sentEver = Math.max(this.sentEver, seq);
    let slots = 0;
    for (let last = this.acked; last < seq && slots < this.slots.length; slots += 1) {
      last += (this.slots[slots] as Slot).count;
    }
    this.maybeSent = Math.max(this.maybeSent, slots);
  }

  private get room(): number {
    return this.window.events - this.sent;
  }

  private get outstandingBytes(): number {
    return this.frames.reduce((total, frame) => total + frame.size, 0);
  }

  /** Whether a slot may be sent. When nothing is outstanding, any size may: a large event would otherwise never be sent. */
  private maySend(slot: Slot): boolean {
    if (this.isRotating || this.window.events < 1 || this.window.bytes < 1) return false;
    if (slot.isEncrypted || this.sentSeq + slot.count > this.allowedTo) return false;
    if (this.sent === 0) return true;
    return this.room > 0 && this.outstandingBytes + FRAME_OVERHEAD + slot.size + 1 <= this.window.bytes;
  }

  /** The slots of the next frame: a run of events, or one lost span. */
  private fitting(): Slot[] {
    const first = this.slots[this.sent];
    if (first === undefined || !this.maySend(first)) return [];
    const slots = [first];
    if (first.event === null) return slots;
    const maxBytes = Math.min(this.limits.frame_bytes, this.window.bytes - this.outstandingBytes);
    const count = Math.max(1, Math.min(this.limits.events_per_frame, this.room, this.allowedTo - this.sentSeq));
    let size = FRAME_OVERHEAD + first.size + 1;
    for (const slot of this.slots.slice(this.sent + 1, this.sent + count)) {
      size += slot.size + 1;
      if (slot.event === null || slot.isEncrypted || size > maxBytes) break;
      slots.push(slot);
    }
    return slots;
  }

  private hasDroppable(): boolean {
    return this.slots.slice(this.maybeSent).some((slot) => slot.event !== null && !slot.isEncrypted);
  }

  /** Drop the oldest event that was never sent; its seq joins a lost span before it. */
  private dropOldest(): QueueEntry {
    let at = this.maybeSent;
    while (this.isLostOrEncrypted(this.slots[at] as Slot)) at += 1;
    const slot = this.slots[at] as Slot;
    const event = slot.event;
    this.forget(slot);
    this.droppedTotal += 1;
    slot.event = null;
    slot.size = 0;
    const seq = this.slots.slice(0, at + 1).reduce((total, earlier) => total + earlier.count, this.acked);
    const before = at > this.maybeSent ? this.slots[at - 1] : undefined;
    if (before !== undefined && before.event === null && !before.isEncrypted) {
      before.count += slot.count;
      this.slots.splice(at, 1);
    }
    return { seq, key: seq + this.shift, event, count: 1 };
  }

  private isLostOrEncrypted(slot: Slot): boolean {
    return slot.event === null || slot.isEncrypted;
  }

  private forget(slot: Slot): void {
    if (slot.event !== null || slot.isEncrypted) {
      this.events -= 1;
      this.bytes -= slot.size;
    }
  }

  private restorePlace(size: number | undefined, wasSent: boolean): void {
    const last = this.slots.at(-1);
    const isSentEdge = this.maybeSent === this.slots.length;
    if (size === undefined && last !== undefined && !last.isEncrypted && (wasSent || !isSentEdge)) {
      last.count += 1;
      return;
    }
    this.slots.push({ event: null, isEncrypted: size !== undefined, size: size ?? 0, recordedMs: 0, count: 1 });
    if (wasSent) this.maybeSent = this.slots.length;
    if (size !== undefined) {
      this.events += 1;
      this.bytes += size;
    }
  }

  private mergeLost(): void {
    const merged: Slot[] = [];
    let maybeSent = 0;
    this.slots.forEach((slot, index) => {
      const last = merged.at(-1);
      if (last?.event === null && slot.event === null && index !== this.maybeSent) last.count += slot.count;
      else merged.push(slot);
      if (index < this.maybeSent) maybeSent = merged.length;
    });
    this.slots = merged;
    this.maybeSent = maybeSent;
  }

  /** Remove what the old stream has stored, if the hub's claim about it is possible. */
  private closeStream(previous: Previous | null): QueueEntry[] {
    const isPossible = previous !== null && previous.stream === this.stream && previous.committed <= this.sentEver;
    return isPossible ? this.acknowledge(previous.committed) : [];
  }

  private renumber(): void {
    this.shift += this.acked;
    this.nextSeq = this.length + 1;
    this.acked = this.sentEver = this.sentSeq = this.maybeSent = 0;
    this.ackedMac = "";
    this.ackedMark = null;
    this.allowedTo = Number.isFinite(this.allowedTo) ? 0 : Infinity;
  }
}

function markOf(seq: number, { at, mono }: Event): Mark {
  return { seq, at, mono };
}
