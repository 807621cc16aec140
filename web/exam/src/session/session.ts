// One sitting of an exam: its attempt, its answers, its clock and its SDK, as signals the views draw from. Answers reach the
// server only as recorded events (or, when handing in, with the submission); nothing is called saved before it is.
import {
  deliverKept,
  start,
  type Instruct,
  type Json,
  type LocalAnswer,
  type Proctor,
  type Status,
} from "@veritas/proctor/index.ts";
import { type Api, Problem } from "@veritas/shared/api.ts";
import { socketUrl, ticketSource } from "@veritas/shared/socket/ticket.ts";
import { clock } from "@veritas/shared/time.ts";
import { batch, computed, signal } from "@preact/signals";
import { type Answers, fitText, newerThan, savedValues } from "./answers.ts";
import { type Item, isRunning, type AttemptView, type Receipt } from "../types.ts";

/** A draft is recorded this long after the last key, or this long after the first one. */
const PAUSE_MS = 1_000;
const MAX_DELAY_MS = 2_000;
/** Without a connection drafts wait longer: they are kept on the machine, which is not without end. */
const OFFLINE_MAX_DELAY_MS = 10_000;
const DRAIN_MS = 10_000;

export interface Message {
  id: number;
  text: string;
  at: number;
}

export type HandingIn = "no" | "saving" | "sending" | "retrying";

interface Change {
  value: Json;
  firstMs: number;
  timer: ReturnType<typeof setTimeout>;
}

/** The question in hand, so that a reload comes back to it: its name, never its answer. */
const CURRENT_ITEM = "veritas-exam-place";

export class ExamSession {
  readonly attempt;
  readonly answers = signal<Answers>({});
  readonly at = signal(0);
  readonly status = signal<Status | null>(null);
  readonly messages = signal<Message[]>([]);
  /** The message that is shown until it is closed. */
  readonly unread = signal<Message[]>([]);
  /** Why a person ended the attempt, once that was told. */
  readonly endedBecause = signal<string | null>(null);
  readonly handingIn = signal<HandingIn>("no");
  readonly receipt = signal<Receipt | null>(null);
  /** Items with a change that is not even recorded yet. */
  readonly typing = signal<ReadonlySet<string>>(new Set());
  /** What was typed into a number that is none; it is not saved. */
  readonly unreadable = signal<ReadonlySet<string>>(new Set());
  readonly item = computed(() => this.attempt.value.items[this.at.value] ?? null);
  readonly deadline = computed(() => this.status.value?.attempt?.deadline ?? this.attempt.value.deadline);
  readonly isOver = computed(() => {
    const status = this.status.value;
    const told = status?.attempt?.status ?? this.attempt.value.status;
    return (
      !isRunning(told) ||
      !isRunning(this.attempt.value.status) ||
      status?.over === "ended" ||
      this.receipt.value !== null
    );
  });
  readonly proctor: Proctor;
  private readonly changes = new Map<string, Change>();
  private readonly touched = new Set<string>();
  private openedMs = performance.now();
  private readonly leaving = new AbortController();

  constructor(
    private readonly api: Api,
    attempt: AttemptView,
  ) {
    this.attempt = signal(attempt);
    this.answers.value = savedValues(attempt.answers);
    this.at.value = storedIndex(attempt);
    this.proctor = start({
      ...connectionOptions(api, attempt.attempt_id),
      onInstruction: (instruct) => this.carryOut(instruct),
      onRestored: (local) => this.restore(local),
      captures: attempt.exam.monitored ?? true,
    });
    this.proctor.onStatus((status) => {
      const wasElsewhere = this.status.value?.link === "elsewhere";
      this.status.value = status;
      // Whatever another tab did meanwhile, handing in included, is on the server.
      if (wasElsewhere && status.link !== "elsewhere") void this.reload().catch(() => undefined);
    });
    const { signal: left } = this.leaving;
    const flush = () => this.flush();
    document.addEventListener("visibilitychange", flush, { signal: left });
    window.addEventListener("pagehide", flush, { signal: left });
    window.addEventListener("blur", flush, { signal: left });
    window.addEventListener("beforeunload", (event) => this.warn(event), { signal: left });
    const first = attempt.items[this.at.value];
    if (first) this.proctor.record("item_opened", { item: first.item });
  }

  open(index: number): void {
    const item = this.attempt.value.items[index];
    if (item === undefined || index === this.at.value) return;
    this.flush();
    this.at.value = index;
    sessionStorage.setItem(CURRENT_ITEM, `${this.attempt.value.attempt_id} ${item.item}`);
    this.openedMs = performance.now();
    this.proctor.record("item_opened", { item: item.item });
  }

  /** Take an answer that stands at once, such as a choice. */
  choose(item: Item, value: Json): void {
    this.put(item.item, value);
    this.proctor.answered(item.item, value, performance.now() - this.openedMs);
  }

  /** Take what is being typed; it is recorded when the hand rests, at the latest after two seconds. */
  type(item: Item, value: Json): void {
    const fitting = typeof value === "string" ? fitText(value) : value;
    this.put(item.item, fitting);
    const before = this.changes.get(item.item);
    clearTimeout(before?.timer);
    const now = performance.now();
    const firstMs = before?.firstMs ?? now;
    const most = this.status.value?.link === "open" ? MAX_DELAY_MS : OFFLINE_MAX_DELAY_MS;
    const wait = Math.max(0, Math.min(PAUSE_MS, firstMs + most - now));
    const timer = setTimeout(() => this.flush(item.item), wait);
    this.changes.set(item.item, { value: fitting, firstMs, timer });
    this.typing.value = new Set(this.changes.keys());
  }

  /** Mark a field whose text is no answer: nothing of it is saved, and that is said. */
  setUnreadable(item: Item, isUnreadable: boolean): void {
    if (this.unreadable.value.has(item.item) === isUnreadable) return;
    const next = new Set(this.unreadable.value);
    if (isUnreadable) next.add(item.item);
    else next.delete(item.item);
    this.unreadable.value = next;
  }

  /** Record what was typed and not recorded yet, of one item or of all. */
  flush(only?: string): void {
    for (const [name, change] of [...this.changes]) {
      if (only !== undefined && name !== only) continue;
      clearTimeout(change.timer);
      this.changes.delete(name);
      const item = this.attempt.value.items.find((one) => one.item === name);
      if (item?.kind === "text") this.proctor.draft(name, String(change.value ?? ""));
      else this.proctor.answered(name, change.value, performance.now() - this.openedMs);
    }
    if (this.typing.value.size !== this.changes.size) this.typing.value = new Set(this.changes.keys());
  }

  closeMessage(): void {
    this.unread.value = this.unread.value.slice(1);
  }

  /** Hand in: everything recorded first, then the submission; tried again until it is heard or refused. */
  async handIn(): Promise<void> {
    if (this.handingIn.value !== "no") return;
    this.flush();
    this.handingIn.value = "saving";
    const isDrained = await this.proctor.drained(DRAIN_MS);
    while (!this.leaving.signal.aborted) {
      this.handingIn.value = this.handingIn.value === "retrying" ? "retrying" : "sending";
      try {
        const receipt = await this.submit(isDrained);
        this.receipt.value = receipt;
        await this.reload();
        break;
      } catch (error) {
        if (error instanceof Problem && error.status < 500 && error.status !== 429) {
          this.handingIn.value = "no";
          // It was handed in already, or time ran out meanwhile: the attempt says which.
          await this.reload().catch(() => undefined);
          if (this.isOver.value) return;
          throw error;
        }
        this.handingIn.value = "retrying";
        await new Promise((resolve) => setTimeout(resolve, 3_000));
      }
    }
    this.handingIn.value = "no";
  }

  /** Read the attempt anew: it has ended, or was gone on with elsewhere. */
  async reload(): Promise<void> {
    const attempt = await this.api.get<AttemptView>(`/student/exams/${this.attempt.value.attempt_id}`);
    batch(() => {
      this.attempt.value = attempt;
      const local = [...this.changes].map(([item, { value }]) => [item, value]);
      const mine = [...(this.status.peek()?.unsaved ?? [])].map((item) => [item, this.answers.peek()[item] ?? null]);
      this.answers.value = { ...savedValues(attempt.answers), ...Object.fromEntries([...mine, ...local]) };
    });
  }

  /** Go on here after another machine or tab took over. */
  async continueHere(): Promise<void> {
    this.proctor.continueHere();
    await this.reload();
  }

  /** The attempt is over: deliver what is left and watch no longer. */
  finish(): void {
    this.flush();
    void this.proctor.finish();
  }

  /** Leave this page's session; it can be gone on with at any time. */
  leave(): void {
    this.flush();
    this.leaving.abort();
    this.proctor.stop();
  }

  private submit(isDrained: boolean): Promise<Receipt> {
    const position = this.proctor.position;
    const unsaved = isDrained ? [] : [...(this.status.value?.unsaved ?? [])];
    const answers = unsaved.map((item) => ({ item, value: this.answers.value[item] ?? null }));
    return this.api.post<Receipt>(`/student/exams/${this.attempt.value.attempt_id}/submit`, {
      ...(position ?? {}),
      ...(answers.length > 0 ? { answers } : {}),
    });
  }

  /** What is only in this open page would be gone with it; everything else survives a reload. */
  private warn(event: BeforeUnloadEvent): void {
    this.flush();
    const { unsaved, isKept } = this.proctor.status;
    if (unsaved.size > 0 && !isKept) event.preventDefault();
  }

  private put(item: string, value: Json): void {
    this.touched.add(item);
    this.answers.value = { ...this.answers.value, [item]: value };
  }

  private restore(local: LocalAnswer[]): void {
    const newer = newerThan(this.attempt.value.answers, local, clock.now() - Date.now());
    const untouched = Object.entries(newer).filter(([item]) => !this.touched.has(item));
    if (untouched.length > 0) this.answers.value = { ...this.answers.value, ...Object.fromEntries(untouched) };
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

/** Deliver what this machine still keeps of an attempt that has ended. */
export function deliverStoredEvents(api: Api, attemptId: string): Promise<void> {
  return deliverKept(connectionOptions(api, attemptId));
}

function connectionOptions(
  api: Api,
  attemptId: string,
): { url: string; attemptId: string; getTicket: () => Promise<string> } {
  return { url: socketUrl("/ws/monitor"), attemptId, getTicket: ticketSource(api, "monitor") };
}

function storedIndex(attempt: AttemptView): number {
  const place = sessionStorage.getItem(CURRENT_ITEM);
  const index = attempt.items.findIndex((one) => `${attempt.attempt_id} ${one.item}` === place);
  return Math.max(0, index);
}
