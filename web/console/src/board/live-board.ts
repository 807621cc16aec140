/**
 * One exam's board as signals for the screen: frames go into the follower at once, rows come out a few times a second.
 * Nothing here decides; what a person orders goes through `Console`.
 */

import { batch, signal } from "@preact/signals";
import type { Board } from "./board.ts";
import { Follower } from "./follower.ts";
import { makeRow, type RoomRow } from "../room/board/rows.ts";
import type { Delta, ExamRow, FlagRow, Live, Resync, Since, Snapshot } from "./frames.ts";

/** Changes are put on the screen together, at most this often: a burst of a thousand rows costs one drawing. */
const DRAW_MS = 150;
/** Larger rooms are drawn less often: each drawing sorts them all. */
const DRAW_MS_A_STUDENT = 0.1;
const NEWS_KEPT = 50;
/** Of an exam nobody is connected to a hub has no live values to show: after this long that is what it means. */
const LIVE_DUE_MS = 4_000;

export interface FlagNews {
  readonly flag: FlagRow;
  readonly studentId: string;
  readonly name: string;
}

export interface RoomOwner {
  watch(examId: string, since: Since | null): void;
}

export class Room {
  readonly exam = signal<ExamRow | null>(null);
  readonly rows = signal<ReadonlyMap<string, RoomRow>>(new Map());
  /** Since when presence comes late, ms; null while it does not. */
  readonly liveSince = signal<number | null>(null);
  readonly hasLive = signal(false);
  /** Flags raised while this page was open, the newest first. */
  readonly news = signal<readonly FlagNews[]>([]);
  /** Why the hub does not show this exam, if it does not. */
  readonly refused = signal<string | null>(null);

  private readonly follower = new Follower();
  private touched: Set<string> | null = new Set();
  private readonly studentOfIx = new Map<number, string>();
  private fresh: FlagNews[] = [];
  private drawing: ReturnType<typeof setTimeout> | undefined;
  private liveDue: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly examId: string,
    private readonly owner: RoomOwner,
  ) {}

  get board(): Board | null {
    return this.follower.board;
  }

  /** A new connection: ask for what is missing, and say nothing about presence until it has come. */
  reconnected(): void {
    const since = this.follower.reconnected();
    this.touched = null;
    this.draw();
    this.owner.watch(this.examId, since);
    clearTimeout(this.liveDue);
    this.liveDue = setTimeout(
      () => this.takeLive({ t: "live", exam_id: this.examId, attempts: [], since: null }),
      LIVE_DUE_MS,
    );
  }

  /** Nobody looks any more. */
  close(): void {
    clearTimeout(this.liveDue);
    clearTimeout(this.drawing);
  }

  take(frame: Snapshot | Delta | Resync): void {
    const isNew = frame.t === "delta" && frame.kind === "flag" && !this.isKnown(frame.body as FlagRow);
    const news = this.follower.take(frame);
    switch (news.kind) {
      case "board":
        this.touched = null;
        this.refused.value = null;
        this.index();
        this.draw();
        break;
      case "row":
        if (frame.t === "delta" && frame.kind === "attempt") this.index();
        if (news.student !== null) this.touched?.add(news.student);
        if (isNew) this.announce((frame as Delta).body as FlagRow, news.student);
        this.draw();
        break;
      case "hole":
        this.owner.watch(this.examId, this.follower.rewatch());
        break;
      case "old":
        break;
    }
  }

  takeLive(frame: Live): void {
    clearTimeout(this.liveDue);
    const first = !this.follower.hasLive;
    const changed = this.follower.takeLive(frame);
    if (first) this.touched = null;
    for (const ix of changed) {
      const student = this.studentOfIx.get(ix);
      if (student !== undefined) this.touched?.add(student);
    }
    this.draw();
  }

  /** The numbers of these students' attempts, for `focus`. */
  ixOf(rows: readonly RoomRow[]): number[] {
    return rows.flatMap((row) => (row.attempt === null ? [] : [row.attempt.ix]));
  }

  private isKnown(flag: FlagRow): boolean {
    return this.follower.board?.flags.has(flag.flag_id) ?? false;
  }

  private index(): void {
    this.studentOfIx.clear();
    for (const attempt of this.follower.board?.attempts.values() ?? []) {
      this.studentOfIx.set(attempt.ix, attempt.student_id);
    }
  }

  private announce(flag: FlagRow, studentId: string | null): void {
    if (studentId === null) return;
    this.fresh.push({ flag, studentId, name: this.follower.board?.students.get(studentId)?.name ?? "Somebody" });
  }

  private draw(): void {
    this.drawing ??= setTimeout(
      () => {
        this.drawing = undefined;
        this.show();
      },
      Math.max(DRAW_MS, this.rows.peek().size * DRAW_MS_A_STUDENT),
    );
  }

  private show(): void {
    const { board, presence, hasLive } = this.follower;
    if (board === null) return;
    const before = this.rows.peek();
    const rows = this.touched === null ? new Map<string, RoomRow>() : new Map(before);
    for (const student of this.touched ?? board.students.keys()) {
      const row = makeRow(board, presence, hasLive, student);
      if (row !== null) rows.set(student, row);
    }
    const changed = this.touched === null || this.touched.size > 0;
    this.touched = new Set();
    batch(() => {
      this.exam.value = board.exam;
      if (changed) this.rows.value = rows;
      this.liveSince.value = this.follower.liveSince;
      this.hasLive.value = hasLive;
      if (this.fresh.length > 0) {
        this.news.value = [...this.fresh.reverse(), ...this.news.peek()].slice(0, NEWS_KEPT);
        this.fresh = [];
      }
    });
  }
}
