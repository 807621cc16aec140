/**
 * The live board of one exam as signals for the page. Frames are processed at once; the page is updated a few times a
 * second. It sends no commands: `ConsoleConnection` does.
 */

import { batch, signal } from "@preact/signals";
import { type RoomRow, makeRow } from "../room/rows/rows.ts";
import { ROOM } from "../texts/room.ts";
import type { Board } from "./board.ts";
import { Follower } from "./follower.ts";
import type { Delta, ExamRow, FlagRow, Live, Resync, Since, Snapshot } from "./frames.ts";

/** The page is updated at most this often, so that a burst of a thousand rows is drawn once. */
const DRAW_MS = 150;
/** Large rooms are drawn less often, because each update sorts all rows. */
const DRAW_MS_PER_STUDENT = 0.1;
const NEW_FLAGS_KEPT = 50;
/** A hub sends no live values for an exam without connections. After this time, no student is connected. */
const LIVE_DUE_MS = 4_000;

export interface NewFlag {
  readonly flag: FlagRow;
  readonly studentId: string;
  readonly name: string;
}

export interface BoardOwner {
  watch(examId: string, since: Since | null): void;
}

export class LiveBoard {
  readonly exam = signal<ExamRow | null>(null);
  readonly rows = signal<ReadonlyMap<string, RoomRow>>(new Map());
  /** Since when presence is late, ms since the epoch; null if it is not. */
  readonly liveSince = signal<number | null>(null);
  readonly hasLive = signal(false);
  /** Flags raised while the page was open, the newest first. */
  readonly newFlags = signal<readonly NewFlag[]>([]);
  /** The hub's reason for not showing this exam. */
  readonly refused = signal<string | null>(null);

  private readonly follower = new Follower();
  /** Students whose rows have changed; null means all. */
  private changed: Set<string> | null = new Set();
  private readonly studentOfIx = new Map<number, string>();
  private pendingFlags: NewFlag[] = [];
  private drawTimer: ReturnType<typeof setTimeout> | undefined;
  private liveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly examId: string,
    private readonly owner: BoardOwner,
  ) {}

  get board(): Board | null {
    return this.follower.board;
  }

  /** Begin a new connection: watch from the last offset. Presence is unknown until live values are received. */
  reconnected(): void {
    const since = this.follower.reconnected();
    this.changed = null;
    this.scheduleDraw();
    this.owner.watch(this.examId, since);
    clearTimeout(this.liveTimer);
    const empty: Live = { t: "live", exam_id: this.examId, attempts: [], since: null };
    this.liveTimer = setTimeout(() => this.receiveLive(empty), LIVE_DUE_MS);
  }

  /** Stop the timers. */
  close(): void {
    clearTimeout(this.liveTimer);
    clearTimeout(this.drawTimer);
  }

  receive(frame: Snapshot | Delta | Resync): void {
    const newFlag = this.newFlagOf(frame);
    const change = this.follower.receive(frame);
    switch (change.kind) {
      case "board":
        this.changed = null;
        this.refused.value = null;
        this.index();
        this.scheduleDraw();
        break;
      case "row":
        if (frame.t === "delta" && frame.kind === "attempt") this.index();
        if (change.student !== null) this.changed?.add(change.student);
        if (newFlag !== null && change.student !== null) this.addFlag(newFlag, change.student);
        this.scheduleDraw();
        break;
      case "gap":
        this.owner.watch(this.examId, this.follower.rewatch());
        break;
      case "nothing":
        break;
    }
  }

  receiveLive(frame: Live): void {
    clearTimeout(this.liveTimer);
    const isFirst = !this.follower.hasLive;
    const changed = this.follower.receiveLive(frame);
    if (isFirst) this.changed = null;
    for (const ix of changed) {
      const student = this.studentOfIx.get(ix);
      if (student !== undefined) this.changed?.add(student);
    }
    this.scheduleDraw();
  }

  /** The `ix` of these rows' attempts, for a `focus` frame. */
  ixOf(rows: readonly RoomRow[]): number[] {
    return rows.flatMap((row) => (row.attempt === null ? [] : [row.attempt.ix]));
  }

  private newFlagOf(frame: Snapshot | Delta | Resync): FlagRow | null {
    if (frame.t !== "delta" || frame.kind !== "flag") return null;
    const flag = frame.body as FlagRow;
    return this.follower.board?.flags.has(flag.flag_id) ? null : flag;
  }

  private index(): void {
    this.studentOfIx.clear();
    for (const attempt of this.follower.board?.attempts.values() ?? []) {
      this.studentOfIx.set(attempt.ix, attempt.student_id);
    }
  }

  private addFlag(flag: FlagRow, studentId: string): void {
    const name = this.follower.board?.students.get(studentId)?.name ?? ROOM.unknownStudent;
    this.pendingFlags.push({ flag, studentId, name });
  }

  private scheduleDraw(): void {
    const wait = Math.max(DRAW_MS, this.rows.peek().size * DRAW_MS_PER_STUDENT);
    this.drawTimer ??= setTimeout(() => {
      this.drawTimer = undefined;
      this.draw();
    }, wait);
  }

  private draw(): void {
    const { board, presence, hasLive, liveSince } = this.follower;
    if (board === null) return;
    const rows = this.changed === null ? new Map<string, RoomRow>() : new Map(this.rows.peek());
    for (const student of this.changed ?? board.students.keys()) {
      const row = makeRow(board, presence, hasLive, student);
      if (row !== null) rows.set(student, row);
    }
    const hasChanged = this.changed === null || this.changed.size > 0;
    this.changed = new Set();
    batch(() => {
      this.exam.value = board.exam;
      if (hasChanged) this.rows.value = rows;
      this.liveSince.value = liveSince;
      this.hasLive.value = hasLive;
      this.showNewFlags();
    });
  }

  private showNewFlags(): void {
    if (this.pendingFlags.length === 0) return;
    this.newFlags.value = [...this.pendingFlags.reverse(), ...this.newFlags.peek()].slice(0, NEW_FLAGS_KEPT);
    this.pendingFlags = [];
  }
}
