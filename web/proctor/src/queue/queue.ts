// The candidate's queue: numbers, bounds, window, acknowledgement, resume (WIRE §2), as in `veritas/client/queue.py`.
// Pure: no socket, clock, codec or storage.
//
// Rule 1: an event leaves the queue only when the hub has acknowledged it, that is, after it was committed; or when the
// queue is full: then the oldest that was never on the wire is dropped, and said to be lost in its place.
// Rule 2: numbers have no holes. What is in the queue is always `acked + 1 .. nextSeq - 1`, lost numbers included.
// Rule 3: no number goes on the wire before the disk knows it (`clear`): a page that crashes never uses one twice.
//
// Every place also has a `key` under which it is stored; keys only grow, numbers begin anew with every stream.

import type { Event, Events, Limits, Lost, Previous, Window } from "../session/frames.ts";
import { DEFAULT_LIMITS } from "../session/frames.ts";

/** How long an event waits for company while others are unacknowledged; a lone event goes at once. */
export const LINGER_MS = 20;

/** Bytes of an `events` frame around its events, and of a `lost` frame, at most. */
export const FRAME_OVERHEAD = 64;

export const MAX_EVENTS = 20_000;
export const MAX_BYTES = 64 * 1024 * 1024;

const OVERFLOW = "overflow";
const SERVER_LOST = "server_lost";

interface Place {
  /** Null: the events of `count` numbers were dropped. */
  event: Event | null;
  /** Stored, and not readable before the hub has given the key. */
  isSealed: boolean;
  size: number;
  recordedMs: number;
  count: number;
}

/** One event and its number; or, without an event, `count` numbers up to `seq` whose events were dropped. */
export interface Numbered {
  seq: number;
  key: number;
  event: Event | null;
  count: number;
}

/** What the disk remembers of a queue beside its events; `key = seq + shift`. */
export interface Memo {
  boot: string;
  stream: string | null;
  acked: number;
  nextSeq: number;
  shift: number;
  /** The highest number that may ever have been on the wire. */
  sentEver: number;
}

/** The hub said what it cannot mean, such as acknowledging what was never sent. */
export class HubFault extends Error {}

/** What one client has recorded and the hub has not acknowledged. Times are ms of one monotonic clock. */
export class CandidateQueue {
  readonly boot: string;
  stream: string | null = null;
  /** The highest acknowledged number of this stream. */
  acked = 0;
  /** The next unused number of this stream. */
  nextSeq = 1;
  /** How many events were given up because the queue was full. */
  droppedEver = 0;
  shift = 0;
  sentEver = 0;
  private places: Place[] = [];
  /** How many places, from the oldest, may have been on the wire: these are never dropped. */
  private known = 0;
  private events = 0;
  private bytes = 0;
  /** How many places this connection has sent and not seen acknowledged. */
  private sent = 0;
  private sentSeq = 0;
  private clearTo = Infinity;
  private frames: { lastSeq: number; size: number }[] = [];
  private window: Window = { events: 0, bytes: 0 };
  private limits: Limits = DEFAULT_LIMITS;
  private lostTo: number | null = null;
  private isRotating = false;
  private helloSeq: number | null = null;

  constructor(
    boot: string,
    private readonly maxEvents = MAX_EVENTS,
    private readonly maxBytes = MAX_BYTES,
  ) {
    this.boot = boot;
  }

  /** Take up a queue that was stored: `sizes` are the bytes of its events by key, readable only after `unseal`. */
  static restore(
    memo: Memo,
    sizes: ReadonlyMap<number, number>,
    maxEvents = MAX_EVENTS,
    maxBytes = MAX_BYTES,
  ): CandidateQueue {
    const queue = new CandidateQueue(memo.boot, maxEvents, maxBytes);
    queue.stream = memo.stream;
    queue.acked = queue.sentSeq = memo.acked;
    queue.nextSeq = memo.nextSeq;
    queue.shift = memo.shift;
    queue.sentEver = Math.max(memo.sentEver, memo.acked);
    queue.helloSeq = memo.nextSeq;
    for (let seq = memo.acked + 1; seq < memo.nextSeq; seq++) {
      queue.restorePlace(sizes.get(seq + memo.shift), seq <= queue.sentEver);
    }
    return queue;
  }

  /** How many numbers are not acknowledged yet. */
  get length(): number {
    return this.nextSeq - 1 - this.acked;
  }

  /** What hello says is the next number: those given out since the page was loaded were never on the wire. */
  get nextSeqForHello(): number {
    return this.helloSeq ?? this.nextSeq;
  }

  /** How many places this connection has sent and not seen acknowledged; a lost span counts as one. */
  get outstanding(): number {
    return this.sent;
  }

  /** Whether the old stream is done with: time to say hello again. */
  get hasRotated(): boolean {
    return this.isRotating && this.sent === 0 && this.lostTo === null;
  }

  get memo(): Memo {
    const { boot, stream, acked, nextSeq, shift, sentEver } = this;
    return { boot, stream, acked, nextSeq, shift, sentEver };
  }

  /** Every event in the queue that can be read, with its number and key. */
  *entries(): Generator<Numbered> {
    let seq = this.acked;
    for (const place of this.places) {
      seq += place.count;
      if (!place.isSealed && place.event !== null) {
        yield { seq, key: seq + this.shift, event: place.event, count: 1 };
      }
    }
  }

  /** Number an event of `size` encoded bytes; its number, and what had to be dropped for it, itself perhaps. */
  record(event: Event, size: number, nowMs: number): { seq: number; key: number; dropped: Numbered[] } {
    const seq = this.nextSeq++;
    this.places.push({ event, isSealed: false, size, recordedMs: nowMs, count: 1 });
    this.events += 1;
    this.bytes += size;
    const dropped: Numbered[] = [];
    // A restored queue may be over its bounds with places that were on the wire: those stay, whatever happens.
    while ((this.events > this.maxEvents || this.bytes > this.maxBytes) && this.hasDroppable()) {
      dropped.push(this.dropOldest());
    }
    return { seq, key: seq + this.shift, dropped };
  }

  /** Read what was stored, by key; what is missing cannot be read any more and is lost. Gives the keys of the lost. */
  unseal(events: ReadonlyMap<number, Event>): number[] {
    const lost: number[] = [];
    let seq = this.acked;
    for (const place of this.places) {
      seq += place.count;
      if (!place.isSealed) continue;
      const key = seq + this.shift;
      place.isSealed = false;
      place.event = events.get(key) ?? null;
      if (place.event === null) {
        this.events -= 1;
        this.bytes -= place.size;
        place.size = 0;
        this.droppedEver += 1;
        lost.push(key);
      }
    }
    this.mergeLost();
    return lost;
  }

  /** Let numbers up to `seq` go on the wire: the disk knows them. Without a disk all may go. */
  clear(seq: number): void {
    this.clearTo = seq;
    if (Number.isFinite(seq)) this.sentEver = Math.max(this.sentEver, seq);
  }

  /**
   * Go on where the hub's welcome says. Gives what left the queue, and whether the rest was numbered anew.
   * Throws HubFault when the hub claims what was never sent.
   */
  resume(
    stream: string,
    committed: number,
    window: Window,
    limits: Limits,
    previous: Previous | null = null,
  ): { gone: Numbered[]; isRenumbered: boolean } {
    this.disconnect();
    // A disk that lost its last write (a power cut) may not know that these numbers, which it holds, were sent.
    if (this.helloSeq !== null && this.stream === stream) {
      this.sentEver = Math.max(this.sentEver, Math.min(committed, this.helloSeq - 1));
    }
    this.helloSeq = null;
    let gone: Numbered[] = [];
    const isRenumbered = this.stream !== null && this.stream !== stream;
    if (isRenumbered) {
      gone = this.closeStream(previous);
      this.renumber();
    }
    this.stream = stream;
    this.window = window;
    this.limits = limits;
    // What the hub acknowledged and then lost is ours no longer: say so, and the numbering goes on.
    if (committed < this.acked) this.lostTo = this.acked;
    return { gone: [...gone, ...this.acknowledge(committed)], isRenumbered };
  }

  /** The connection is gone: nothing is outstanding, nothing may be sent before the next welcome. */
  disconnect(): void {
    this.window = { events: 0, bytes: 0 };
    this.frames = [];
    this.sent = 0;
    this.sentSeq = this.acked;
    this.lostTo = null;
    this.isRotating = false;
  }

  /** The hub wants a new stream: send nothing more in this one, and wait for what is outstanding. */
  rotate(): void {
    this.isRotating = true;
  }

  /** Drop everything up to `seq`; a lower one than before is old news. Throws HubFault when it was never sent. */
  acknowledge(seq: number): Numbered[] {
    if (seq > this.sentEver) {
      throw new HubFault(`number ${seq} was acknowledged, but only ${this.sentEver} were sent`);
    }
    const gone: Numbered[] = [];
    let done = 0;
    while (this.acked < seq) {
      const place = this.places[done] as Place;
      const count = Math.min(place.count, seq - this.acked);
      place.count -= count;
      this.acked += count;
      gone.push({ seq: this.acked, key: this.acked + this.shift, event: place.event, count });
      if (place.count === 0) {
        this.forget(place);
        done += 1;
      }
    }
    this.places.splice(0, done);
    this.known = Math.max(0, this.known - done);
    this.sent = Math.max(0, this.sent - done);
    // An acknowledgement may outrun our own resending, when the last connection's batch was still in flight.
    this.sentSeq = Math.max(this.sentSeq, this.acked);
    while (this.frames.length > 0 && (this.frames[0] as { lastSeq: number }).lastSeq <= this.acked) this.frames.shift();
    return gone;
  }

  /** Take new absolute totals; 0 stops sending until the next change. */
  setWindow(events: number, bytes: number): void {
    this.window = { events, bytes };
  }

  /** How long until `take` should be called: 0 is now, null is not before something else happens. */
  waitMs(nowMs: number): number | null {
    if (this.lostTo !== null) return 0;
    const first = this.places[this.sent];
    if (first === undefined || !this.mayGo(first)) return null;
    const unsent = this.places.length - this.sent;
    if (first.event === null || this.sent === 0 || unsent >= Math.min(this.limits.events_per_frame, this.room)) {
      return 0;
    }
    return Math.max(0, first.recordedMs + LINGER_MS - nowMs);
  }

  /** The next frame to send: contiguous, within the window and the hub's limits; null when there is none. */
  take(): Events | Lost | null {
    if (this.lostTo !== null) {
      const lost: Lost = { t: "lost", to_seq: this.lostTo, reason: SERVER_LOST };
      this.lostTo = null;
      return lost;
    }
    const places = this.fitting();
    if (places.length === 0) return null;
    const firstSeq = this.sentSeq + 1;
    this.sent += places.length;
    for (const place of places) this.sentSeq += place.count;
    this.sentEver = Math.max(this.sentEver, this.sentSeq);
    this.known = Math.max(this.known, this.sent);
    const size = places.reduce((total, place) => total + place.size + 1, FRAME_OVERHEAD);
    this.frames.push({ lastSeq: this.sentSeq, size });
    const events = places.flatMap((place) => (place.event === null ? [] : [place.event]));
    return events.length > 0
      ? { t: "events", first_seq: firstSeq, events }
      : { t: "lost", to_seq: this.sentSeq, reason: OVERFLOW };
  }

  private get room(): number {
    return this.window.events - this.sent;
  }

  private get outstandingBytes(): number {
    return this.frames.reduce((total, frame) => total + frame.size, 0);
  }

  /** Whether one place may go; with nothing outstanding any one may, else it could never. */
  private mayGo(place: Place): boolean {
    if (this.isRotating || this.window.events < 1 || this.window.bytes < 1) return false;
    if (place.isSealed || this.sentSeq + place.count > this.clearTo) return false;
    if (this.sent === 0) return true;
    return this.room > 0 && this.outstandingBytes + FRAME_OVERHEAD + place.size + 1 <= this.window.bytes;
  }

  /** The places of the next frame: events in a row, or one lost span. */
  private fitting(): Place[] {
    const first = this.places[this.sent];
    if (first === undefined || !this.mayGo(first)) return [];
    const places = [first];
    if (first.event === null) return places;
    const most = Math.min(this.limits.frame_bytes, this.window.bytes - this.outstandingBytes);
    const count = Math.max(1, Math.min(this.limits.events_per_frame, this.room, this.clearTo - this.sentSeq));
    let size = FRAME_OVERHEAD + first.size + 1;
    for (const place of this.places.slice(this.sent + 1, this.sent + count)) {
      size += place.size + 1;
      if (place.event === null || place.isSealed || size > most) break;
      places.push(place);
    }
    return places;
  }

  private hasDroppable(): boolean {
    return this.places.slice(this.known).some((place) => place.event !== null && !place.isSealed);
  }

  /** Give up the oldest event that was never on the wire; its number joins the lost ones before it. */
  private dropOldest(): Numbered {
    let at = this.known;
    while (this.isKept(this.places[at] as Place)) at += 1;
    const place = this.places[at] as Place;
    const event = place.event;
    this.forget(place);
    this.droppedEver += 1;
    place.event = null;
    place.size = 0;
    const seq = this.places.slice(0, at + 1).reduce((total, one) => total + one.count, this.acked);
    const before = at > this.known ? this.places[at - 1] : undefined;
    if (before !== undefined && before.event === null && !before.isSealed) {
      before.count += place.count;
      this.places.splice(at, 1);
    }
    return { seq, key: seq + this.shift, event, count: 1 };
  }

  private isKept(place: Place): boolean {
    return place.event === null || place.isSealed;
  }

  private forget(place: Place): void {
    if (place.event !== null || place.isSealed) {
      this.events -= 1;
      this.bytes -= place.size;
    }
  }

  private restorePlace(size: number | undefined, wasSent: boolean): void {
    const last = this.places.at(-1);
    const isKnownEdge = this.known === this.places.length;
    if (size === undefined && last !== undefined && !last.isSealed && (wasSent || !isKnownEdge)) {
      last.count += 1;
      return;
    }
    this.places.push({ event: null, isSealed: size !== undefined, size: size ?? 0, recordedMs: 0, count: 1 });
    if (wasSent) this.known = this.places.length;
    if (size !== undefined) {
      this.events += 1;
      this.bytes += size;
    }
  }

  private mergeLost(): void {
    const merged: Place[] = [];
    let known = 0;
    this.places.forEach((place, index) => {
      const last = merged.at(-1);
      if (last?.event === null && place.event === null && index !== this.known) last.count += place.count;
      else merged.push(place);
      if (index < this.known) known = merged.length;
    });
    this.places = merged;
    this.known = known;
  }

  /** Let go of what the old stream holds, as far as the hub's word for it can be true. */
  private closeStream(previous: Previous | null): Numbered[] {
    const isTrue = previous !== null && previous.stream === this.stream && previous.committed <= this.sentEver;
    return isTrue ? this.acknowledge(previous.committed) : [];
  }

  private renumber(): void {
    this.shift += this.acked;
    this.nextSeq = this.length + 1;
    this.acked = this.sentEver = this.sentSeq = this.known = 0;
    this.clearTo = Number.isFinite(this.clearTo) ? 0 : Infinity;
  }
}
