// Listens to the page and records what happens there (docs/events.md): sizes, counts and times. It must never record what
// was copied, pasted or typed, nor which keys, except a short list of combinations. It makes no decision.

import { tabStorage } from "@veritas/shared/storage/storage.ts";
import type { Payload } from "../session/frames.ts";
import { nameCombination } from "./combinations.ts";
import { Insertions } from "./insertions.ts";
import { Typing } from "./typing.ts";

export type RecordEvent = (type: string, data?: Payload) => void;

export interface Listeners {
  /** Call it about twice a second: it ends bursts of typing. */
  tick: () => void;
  /** End the burst of typing now: the page is closing. */
  flush: () => void;
  stop: () => void;
}

/** Marks an element that belongs to an exam item. */
const ITEM_ATTRIBUTE = "data-item";
/** Remembers that the page was in fullscreen before a reload. */
const WAS_FULLSCREEN = "veritas-proctor-fullscreen";

type On = (target: EventTarget, type: string, listener: (event: never) => void, capture?: boolean) => void;

/** Start to listen. `now` is a monotonic clock in ms. */
export function startListeners(record: RecordEvent, now: () => number): Listeners {
  const ending = new AbortController();
  const { signal } = ending;
  const on: On = (target, type, listener, capture = true) =>
    target.addEventListener(type, listener as EventListener, { signal, capture });
  listenToFocus(on, record);
  listenToFullscreen(on, record);
  listenToHands(on, record);
  listenToScreens(on, record, signal);
  listenToNetwork(on, record);
  listenToErrors(on, record);
  const typing = listenToText(on, record, now);
  return {
    tick: () => recordBurst(record, typing.tick(now())),
    flush: () => recordBurst(record, typing.finish()),
    stop: () => {
      recordBurst(record, typing.finish());
      ending.abort();
    },
  };
}

function recordBurst(record: RecordEvent, burst: Payload | null): void {
  if (burst !== null) record("typing", burst);
}

/** Listen to every change of a text: typing is recorded in bursts, and what was brought in otherwise as a paste. */
function listenToText(on: On, record: RecordEvent, now: () => number): Typing {
  const typing = new Typing();
  const insertions = new Insertions();
  const typed = (target: EventTarget | null, chars: number) => {
    const item = itemOf(target);
    if (item !== null && chars > 0) recordBurst(record, typing.typed(item, chars, now()));
  };
  // A drag that has begun on this page moves its own text.
  let isDragging = false;
  on(document, "dragstart", () => (isDragging = true));
  on(document, "dragend", () => (isDragging = false));
  for (const type of ["focusin", "beforeinput"])
    on(document, type, (event: Event) => insertions.remember(event.target));
  on(document, "input", (event: InputEvent) => {
    const inserted = insertions.inserted(event.target, event.inputType ?? "", event.isComposing ?? false);
    if (inserted?.by === "hand") typed(event.target, inserted.chars);
    if (inserted?.by !== "other") return;
    const how = inserted.how === "drop" && isDragging ? "move" : inserted.how;
    record("paste", withItem({ chars: inserted.chars, how }, event.target));
  });
  on(document, "compositionend", (event: CompositionEvent) => typed(event.target, event.data.length));
  return typing;
}

function listenToFocus(on: On, record: RecordEvent): void {
  // Not in the capture phase: focus events of fields inside the window do not bubble up to it.
  on(window, "blur", () => record("window_blur"), false);
  on(window, "focus", () => record("window_focus"), false);
  on(document, "visibilitychange", () => record(document.hidden ? "tab_hidden" : "tab_visible"));
  // The stream continues after a reload, and changes during the reload caused no event: record the current state.
  if (document.hidden) record("tab_hidden");
  else record(document.hasFocus() ? "window_focus" : "window_blur");
}

function listenToFullscreen(on: On, record: RecordEvent): void {
  const isFull = () => Boolean(document.fullscreenElement);
  on(document, "fullscreenchange", () => {
    rememberFullscreen(isFull());
    record(isFull() ? "fullscreen_enter" : "fullscreen_exit");
  });
  if (!isFull() && tabStorage.get(WAS_FULLSCREEN) !== null) record("fullscreen_exit");
  rememberFullscreen(isFull());
}

function rememberFullscreen(isFull: boolean): void {
  if (isFull) tabStorage.set(WAS_FULLSCREEN, "1");
  else tabStorage.remove(WAS_FULLSCREEN);
}

function listenToHands(on: On, record: RecordEvent): void {
  for (const type of ["copy", "cut"] as const) {
    on(document, type, (event: ClipboardEvent) => record(type, withItem({ chars: selectedChars() }, event.target)));
  }
  on(document, "paste", (event: ClipboardEvent) => {
    const chars = event.clipboardData?.getData("text/plain").length ?? 0;
    record("paste", withItem({ chars }, event.target));
  });
  on(document, "contextmenu", (event: MouseEvent) => record("context_menu", withItem({}, event.target)));
  on(document, "keydown", (event: KeyboardEvent) => {
    const combo = event.repeat ? null : nameCombination(event);
    if (combo !== null) record("key_combo", withItem({ combo }, event.target));
  });
}

function listenToScreens(on: On, record: RecordEvent, signal: AbortSignal): void {
  const view = window.screen as Screen & { isExtended?: boolean } & EventTarget;
  if (view.isExtended === undefined) return;
  let last = 1;
  const check = () => {
    // Without a further permission a page learns only whether there is more than one screen.
    const n = view.isExtended ? 2 : 1;
    if (n !== last && !signal.aborted) record("screen_count", { n });
    last = n;
  };
  check();
  on(view, "change", check);
  on(window, "resize", check);
}

function listenToNetwork(on: On, record: RecordEvent): void {
  let last = "";
  const check = () => {
    const connection = (navigator as Navigator & { connection?: { effectiveType?: string } }).connection;
    const kind = connection?.effectiveType;
    const data = { online: navigator.onLine, ...(kind === undefined ? {} : { kind }) };
    // One change of the network causes several events.
    if (JSON.stringify(data) !== last) record("network_change", data);
    last = JSON.stringify(data);
  };
  on(window, "online", check);
  on(window, "offline", check);
  const { connection } = navigator as Navigator & { connection?: EventTarget };
  if (connection?.addEventListener !== undefined) on(connection, "change", check);
}

function listenToErrors(on: On, record: RecordEvent): void {
  const report = (message: string) => record("client_error", { message: message.slice(0, 200) });
  on(window, "error", (event: ErrorEvent) => event.message && report(event.message));
  on(window, "unhandledrejection", (event: PromiseRejectionEvent) => report(String(event.reason)));
}

/** Return the exam item that an element belongs to; null when it belongs to none. */
export function itemOf(target: EventTarget | null): string | null {
  return target instanceof Element
    ? (target.closest(`[${ITEM_ATTRIBUTE}]`)?.getAttribute(ITEM_ATTRIBUTE) ?? null)
    : null;
}

function withItem(data: Payload, target: EventTarget | null): Payload {
  const item = itemOf(target);
  return item === null ? data : { ...data, item };
}

function selectedChars(): number {
  const field = document.activeElement;
  if (field instanceof HTMLTextAreaElement || field instanceof HTMLInputElement) {
    return Math.abs((field.selectionEnd ?? 0) - (field.selectionStart ?? 0));
  }
  return document.getSelection()?.toString().length ?? 0;
}
