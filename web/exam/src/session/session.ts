// A running attempt on this page: its answers, its clock and the SDK, as signals for the views. Answers reach the server
// only as recorded events or with the submission. It must never say that something is saved before it is.
import { batch, computed, signal } from "@preact/signals";
import { deliverStored, type Instruct, type Json, type RestoredAnswer, start, type Status } from "@veritas/proctor";
import { type Api, isTemporary, Problem } from "@veritas/shared/api.ts";
import { own } from "@veritas/shared/lookup/own.ts";
import { socketUrl, ticketSource } from "@veritas/shared/socket/ticket.ts";
import { tabStorage } from "@veritas/shared/storage/storage.ts";
import { clock } from "@veritas/shared/time.ts";
import { type AttemptView, isRunning, type Item, type Receipt } from "../types.ts";
import { type Answers, type Conflict, fitText, restoreAnswers, savedValues } from "./answers.ts";

/** A typed text is recorded this long after the last key, and at the latest this long after the first. */
const PAUSE_MS = 1_000;
const MAX_DELAY_MS = 2_000;
/** The latest time without a connection: drafts then stay on the device, whose storage is limited. */
const OFFLINE_MAX_DELAY_MS = 10_000;
const DRAIN_MS = 10_000;
/** The mean pause between two tries to hand in, unless the server names another one. */
const RETRY_MS = 3_000;
const POLL_MS = 2_000;

export interface Message {
  id: number;
  text: string;
  at: number;
}

export type HandingIn = "no" | "saving" | "sending" | "waiting" | "retrying";

interface Change {
  value: Json;
  firstMs: number;
  timer: ReturnType<typeof setTimeout>;
}

/** Stores the current item, so that a reload returns to it. Never stores an answer. */
const CURRENT_ITEM = "veritas-exam-place";

export class ExamSession {
  readonly attempt;
  readonly answers = signal<Answers>({});
  readonly at = signal(0);
  readonly status = signal<Status | null>(null);
  readonly messages = signal<Message[]>([]);
  /** Messages that the student has not closed yet, oldest first. */
  readonly unread = signal<Message[]>([]);
  /** The teacher's reason for ending the attempt, if the page has received it. */
  readonly endedBecause = signal<string | null>(null);
  readonly handingIn = signal<HandingIn>("no");
  readonly receipt = signal<Receipt | null>(null);
  /** Items with a change that is not recorded yet. */
  readonly typing = signal<ReadonlySet<string>>(new Set());
  /** Number items whose text is not a number; it is not saved. */
  readonly unreadable = signal<ReadonlySet<string>>(new Set());
  /** Answers that were changed here and elsewhere: the student chooses one. */
  readonly conflicts = signal<{ readonly [item: string]: Conflict }>({});
  readonly item = computed(() => this.attempt.value.items[this.at.value] ?? null);
  /** Whether the server shows the questions only after this page is connected. */
  readonly needsStream = computed(() => this.attempt.value.paper === "stream_required");
  readonly deadline = computed(() => this.status.value?.attempt?.deadline ?? this.attempt.value.deadline);
  readonly isOver = computed(() => {
    const live = this.status.value;
    const isLive = isRunning(live?.attempt?.status ?? this.attempt.value.status);
    return !isLive || !isRunning(this.attempt.value.status) || live?.over === "ended" || this.receipt.value !== null;
  });
  readonly proctor;
  private readonly changes = new Map<string, Change>();
  private readonly touched = new Set<string>();
  private openedMs = performance.now();
  private polledMs = -Infinity;
  /** Answers of this device that were restored before the questions could be loaded. */
  private early: { local: RestoredAnswer[]; streams: ReadonlySet<string> }[] = [];
  private finishing: Promise<void> | null = null;
  private readonly leaving = new AbortController();

  constructor(
    private readonly api: Api,
    attempt: AttemptView,
    private readonly random: () => number = Math.random,
  ) {
    this.attempt = signal(attempt);
    this.answers.value = savedValues(attempt.answers);
    this.at.value = storedIndex(attempt);
    this.proctor = start({
      ...connectionOptions(api, attempt.attempt_id),
      onInstruction: (instruct) => this.carryOut(instruct),
      onRestored: (local, streams) => this.restore(local, streams),
      listen: attempt.exam.monitored ?? true,
    });
    this.proctor.onStatus((status) => this.updateStatus(status));
    const { signal: left } = this.leaving;
    const flush = () => this.flush();
    document.addEventListener("visibilitychange", flush, { signal: left });
    // In the capture phase, so that the SDK's last delivery has it.
    window.addEventListener("pagehide", flush, { signal: left, capture: true });
    window.addEventListener("blur", flush, { signal: left });
    window.addEventListener("beforeunload", (event) => this.warn(event), { signal: left });
    this.recordOpened();
  }

  open(index: number): void {
    const item = this.attempt.value.items[index];
    if (item === undefined || index === this.at.value) return;
    this.flush();
    this.at.value = index;
    tabStorage.set(CURRENT_ITEM, `${this.attempt.value.attempt_id} ${item.item}`);
    this.recordOpened();
  }

  /** Take an answer that is complete at once, such as a choice. */
  choose(item: Item, value: Json): void {
    this.put(item.item, value);
    this.proctor.answered(item.item, value, performance.now() - this.openedMs);
  }

  /** Take an answer that is being typed. It is recorded after a pause, at the latest after two seconds. */
  type(item: Item, value: Json): void {
    const fitting = typeof value === "string" ? fitText(value) : value;
    this.put(item.item, fitting);
    const before = this.changes.get(item.item);
    clearTimeout(before?.timer);
    const now = performance.now();
    const firstMs = before?.firstMs ?? now;
    const maxDelay = this.status.value?.link === "open" ? MAX_DELAY_MS : OFFLINE_MAX_DELAY_MS;
    const wait = Math.max(0, Math.min(PAUSE_MS, firstMs + maxDelay - now));
    const timer = setTimeout(() => this.flush(item.item), wait);
    this.changes.set(item.item, { value: fitting, firstMs, timer });
    this.typing.value = new Set(this.changes.keys());
  }

  /** Settle an answer that was changed in two places. Also the one from elsewhere is recorded again: now it is the newest. */
  settle(item: Item, value: Json): void {
    const { [item.item]: _, ...others } = this.conflicts.value;
    this.conflicts.value = others;
    this.type(item, value);
    this.flush(item.item);
  }

  /** Mark a field whose text is not an answer, so that the page can say that it is not saved. */
  setUnreadable(item: Item, isUnreadable: boolean): void {
    if (this.unreadable.value.has(item.item) === isUnreadable) return;
    const next = new Set(this.unreadable.value);
    if (isUnreadable) next.add(item.item);
    else next.delete(item.item);
    this.unreadable.value = next;
  }

  /** Record what was typed and is not recorded yet, of one item or of all. */
  flush(only?: string): void {
    for (const [name, change] of [...this.changes]) {
      if (only !== undefined && name !== only) continue;
      clearTimeout(change.timer);
      this.changes.delete(name);
      const item = this.attempt.value.items.find((known) => known.item === name);
      if (item?.kind === "text") this.proctor.draft(name, String(change.value ?? ""));
      else this.proctor.answered(name, change.value, performance.now() - this.openedMs);
    }
    if (this.typing.value.size !== this.changes.size) this.typing.value = new Set(this.changes.keys());
  }

  closeMessage(): void {
    this.unread.value = this.unread.value.slice(1);
  }

  /** The deadline has passed: record what is left and poll the server, which alone ends the attempt. */
  timeIsOver(nowMs: number): void {
    if (nowMs - this.polledMs < POLL_MS) return;
    this.polledMs = nowMs;
    this.flush();
    void this.reload().catch(() => undefined);
  }

  /** Load the questions again while they need a connection: one may be open now, or an invigilator may have waived it. */
  pollPaper(nowMs: number): void {
    if (!this.needsStream.value || nowMs - this.polledMs < POLL_MS) return;
    this.polledMs = nowMs;
    void this.reload().catch(() => undefined);
  }

  /** Hand in: first everything recorded, then the submission, tried again until the server accepts or refuses it. */
  async handIn(): Promise<void> {
    if (this.handingIn.value !== "no") return;
    this.flush();
    this.handingIn.value = "saving";
    const isDrained = await this.proctor.drained(DRAIN_MS);
    while (!this.leaving.signal.aborted) {
      if (this.handingIn.value === "saving") this.handingIn.value = "sending";
      try {
        this.receipt.value = await this.submit(isDrained);
        await this.reload();
        break;
      } catch (error) {
        if (isRefusal(error)) return this.refused(error);
        this.handingIn.value = isTemporary(error) && error instanceof Problem ? "waiting" : "retrying";
        await new Promise((resolve) => setTimeout(resolve, this.retryPause(error)));
      }
    }
    this.handingIn.value = "no";
  }

  /** Load the attempt again: it has ended, or was continued elsewhere. */
  async reload(): Promise<void> {
    const attempt = await this.api.get<AttemptView>(`/student/exams/${this.attempt.value.attempt_id}`);
    const hadPaper = !this.needsStream.value;
    // A lost connection must not take away the questions that the page has.
    if (attempt.paper === "stream_required" && hadPaper) return this.keepPaper(attempt);
    batch(() => {
      this.attempt.value = attempt;
      if (!hadPaper) return this.openPaper();
      const local = [...this.changes].map(([item, { value }]) => [item, value]);
      const unsaved = [...(this.status.peek()?.unsaved ?? [])].map((item) => [
        item,
        own(this.answers.peek(), item) ?? null,
      ]);
      this.answers.value = { ...savedValues(attempt.answers), ...Object.fromEntries([...unsaved, ...local]) };
    });
  }

  /** Continue here after another tab or device took over. */
  async continueHere(): Promise<void> {
    this.proctor.continueHere();
    await this.reload();
  }

  /** The attempt is over: deliver the rest and stop listening to the page. */
  finish(): Promise<void> {
    this.flush();
    this.finishing ??= this.proctor.finish();
    return this.finishing;
  }

  /** Close this session. The attempt can be continued at any time. */
  leave(): void {
    this.flush();
    this.leaving.abort();
    this.proctor.stop();
  }

  /** Take the state of the attempt without its questions and answers. */
  private keepPaper(attempt: AttemptView): void {
    const { items, answers, paper } = this.attempt.value;
    this.attempt.value = { ...attempt, items, answers, paper };
  }

  /** The questions have come: open the one that was open before a reload. */
  private openPaper(): void {
    if (this.needsStream.value) return;
    this.answers.value = savedValues(this.attempt.value.answers);
    this.at.value = storedIndex(this.attempt.value);
    for (const { local, streams } of this.early.splice(0)) this.restore(local, streams);
    this.recordOpened();
  }

  private recordOpened(): void {
    const item = this.attempt.value.items[this.at.value];
    this.openedMs = performance.now();
    if (item) this.proctor.record("item_opened", { item: item.item });
  }

  /** Between half and one and a half of the pause: a class that hands in together must not come back together. */
  private retryPause(error: unknown): number {
    const mean = (error instanceof Problem ? error.retryMs : null) ?? RETRY_MS;
    return mean * (0.5 + this.random());
  }

  private submit(isDrained: boolean): Promise<Receipt> {
    const position = this.proctor.position;
    const unsaved = isDrained ? [] : [...(this.status.value?.unsaved ?? [])];
    const answers = unsaved.map((item) => ({ item, value: own(this.answers.value, item) ?? null }));
    return this.api.post<Receipt>(`/student/exams/${this.attempt.value.attempt_id}/submit`, {
      ...(position ?? {}),
      ...(answers.length > 0 ? { answers } : {}),
    });
  }

  /** The server refuses the submission: the attempt may be over already, which the attempt itself says. */
  private async refused(error: unknown): Promise<void> {
    this.handingIn.value = "no";
    await this.reload().catch(() => undefined);
    if (!this.isOver.value) throw error;
  }

  private updateStatus(status: Status): void {
    const wasElsewhere = this.status.value?.link === "elsewhere";
    const hasOpened = status.link === "open" && this.status.value?.link !== "open";
    this.status.value = status;
    // The other tab may have changed answers, or have handed in.
    if ((wasElsewhere && status.link !== "elsewhere") || (hasOpened && this.needsStream.value))
      void this.reload().catch(() => undefined);
  }

  /** Ask before the page is closed, if it holds a change that is stored nowhere else. */
  private warn(event: BeforeUnloadEvent): void {
    this.flush();
    const { unsaved, isStored } = this.proctor.status;
    if (unsaved.size > 0 && !isStored) event.preventDefault();
  }

  private put(item: string, value: Json): void {
    this.touched.add(item);
    this.answers.value = { ...this.answers.value, [item]: value };
  }

  private restore(local: RestoredAnswer[], streams: ReadonlySet<string>): void {
    if (this.needsStream.value) {
      this.early.push({ local, streams });
      return;
    }
    const { newer, conflicts } = restoreAnswers(this.attempt.value.answers, local, streams);
    const untouched = <T>(found: Record<string, T>) =>
      Object.fromEntries(Object.entries(found).filter(([item]) => !this.touched.has(item)));
    batch(() => {
      this.answers.value = { ...this.answers.value, ...untouched(newer) };
      this.conflicts.value = { ...this.conflicts.value, ...untouched(conflicts) };
    });
  }

  private carryOut(instruct: Instruct): string | null {
    const body = instruct.body ?? {};
    if (instruct.valid_until && instruct.valid_until < clock.now()) return "expired";
    if (instruct.action === "end") {
      this.endedBecause.value = body.reason ?? "";
      void this.reload().catch(() => undefined);
      return null;
    }
    const message = { id: instruct.id, text: body.text ?? "", at: instruct.issued_at };
    this.messages.value = [...this.messages.value, message];
    this.unread.value = [...this.unread.value, message];
    return null;
  }
}

/** Deliver the events that this device still stores of an attempt that is over. */
export function deliverStoredEvents(api: Api, attemptId: string): Promise<void> {
  return deliverStored(connectionOptions(api, attemptId));
}

function connectionOptions(api: Api, attemptId: string) {
  return { url: socketUrl("/ws/monitor"), attemptId, getTicket: ticketSource(api, "monitor") };
}

/** Return whether the server has refused a request for good. */
function isRefusal(error: unknown): boolean {
  return error instanceof Problem && error.status < 500 && error.status !== 429;
}

function storedIndex(attempt: AttemptView): number {
  const stored = tabStorage.get(CURRENT_ITEM);
  const index = attempt.items.findIndex(({ item }) => `${attempt.attempt_id} ${item}` === stored);
  return Math.max(0, index);
}
