// What a page can see of its candidate, stated as facts (docs/events.md). Sizes, counts and moments only: never what was
// copied, pasted or typed, and never which key, but for a short list of combinations. It concludes nothing.

import type { Payload } from "../session/frames.ts";

export type Record = (type: string, data?: Payload) => void;

/** How long no key may be pressed before a burst of typing is stated. */
const BURST_PAUSE_MS = 2_000;
/** A burst that goes on is stated in pieces no longer than this. */
const BURST_MS = 10_000;

const ITEM_ATTRIBUTE = "data-item";

/** The combinations that are watched, by what they usually do; anything else stays unseen. */
const COMBINATIONS: ReadonlyMap<string, string> = new Map([
  ["mod+c", "copy"],
  ["mod+x", "cut"],
  ["mod+v", "paste"],
  ["mod+p", "print"],
  ["mod+s", "save"],
  ["mod+f", "find"],
  ["mod+u", "source"],
  ["mod+shift+i", "devtools"],
  ["mod+shift+j", "devtools"],
  ["mod+shift+c", "devtools"],
  ["f12", "devtools"],
  ["printscreen", "screenshot"],
]);

/** The name of a watched combination; null for any other key. Pure. */
export function nameCombination(press: {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}): string | null {
  if (press.altKey) return null;
  const parts = [press.key.toLowerCase()];
  if (press.shiftKey) parts.unshift("shift");
  if (press.ctrlKey || press.metaKey) parts.unshift("mod");
  return COMBINATIONS.get(parts.join("+")) ?? null;
}

/** Bursts of typing in one item: how many characters came in how long. Pure: moments come in as arguments. */
export class Typing {
  private item: string | null = null;
  private chars = 0;
  private beganMs = 0;
  private lastMs = 0;

  /** Characters were typed into an item; gives the burst that ended by this. */
  typed(item: string, chars: number, nowMs: number): Payload | null {
    const ended = item === this.item && nowMs - this.beganMs < BURST_MS ? null : this.finish();
    if (this.item === null) {
      this.item = item;
      this.beganMs = nowMs;
    }
    this.chars += chars;
    this.lastMs = nowMs;
    return ended;
  }

  /** Let time pass; gives the burst that ended by a pause. */
  rest(nowMs: number): Payload | null {
    return this.item !== null && nowMs - this.lastMs >= BURST_PAUSE_MS ? this.finish() : null;
  }

  finish(): Payload | null {
    if (this.item === null) return null;
    const burst = { item: this.item, chars: this.chars, ms: Math.round(this.lastMs - this.beganMs) };
    this.item = null;
    this.chars = 0;
    return burst;
  }
}

/** Begin to watch the page; the returned function ends it. `now` is a monotonic clock, ms. */
export function watch(record: Record, now: () => number): { beat: () => void; stop: () => void } {
  const ending = new AbortController();
  const { signal } = ending;
  const on: On = (target, type, listener, capture = true) =>
    target.addEventListener(type, listener as EventListener, { signal, capture });
  watchPresence(on, record);
  watchHands(on, record);
  watchScreens(on, record, signal);
  watchNetwork(on, record);
  watchErrors(on, record);
  const typing = new Typing();
  const tell = (burst: Payload | null) => burst && record("typing", burst);
  on(document, "input", (event: InputEvent) => {
    const item = itemOf(event.target);
    const chars = typedChars(event);
    if (item !== null && chars > 0) tell(typing.typed(item, chars, now()));
  });
  on(document, "compositionend", (event: CompositionEvent) => {
    const item = itemOf(event.target);
    if (item !== null && event.data !== "") tell(typing.typed(item, event.data.length, now()));
  });
  return {
    beat: () => tell(typing.rest(now())),
    stop: () => {
      tell(typing.finish());
      ending.abort();
    },
  };
}

const WAS_FULL = "veritas-proctor-fullscreen";

function remember(isFull: boolean): void {
  if (isFull) sessionStorage.setItem(WAS_FULL, "1");
  else sessionStorage.removeItem(WAS_FULL);
}

type On = (target: EventTarget, type: string, listener: (event: never) => void, capture?: boolean) => void;

function watchPresence(on: On, record: Record): void {
  // Not captured: those of the fields within the window do not bubble to it.
  on(window, "blur", () => record("window_blur"), false);
  on(window, "focus", () => record("window_focus"), false);
  on(document, "visibilitychange", () => record(document.hidden ? "tab_hidden" : "tab_visible"));
  on(document, "fullscreenchange", () => {
    const isFull = Boolean(document.fullscreenElement);
    remember(isFull);
    record(isFull ? "fullscreen_enter" : "fullscreen_exit");
  });
  // The stream goes on after a reload, and a reload told nobody what it changed: say how things stand.
  if (document.hidden) record("tab_hidden");
  else record(document.hasFocus() ? "window_focus" : "window_blur");
  const isFull = Boolean(document.fullscreenElement);
  if (!isFull && sessionStorage.getItem(WAS_FULL) !== null) record("fullscreen_exit");
  remember(isFull);
}

function watchHands(on: On, record: Record): void {
  const withItem = (data: Payload, target: EventTarget | null): Payload => {
    const item = itemOf(target);
    return item === null ? data : { ...data, item };
  };
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

function watchScreens(on: On, record: Record, signal: AbortSignal): void {
  const view = window.screen as Screen & { isExtended?: boolean } & EventTarget;
  if (view.isExtended === undefined) return;
  let last = 1;
  const look = () => {
    // Without a further permission a page learns only whether there is more than one.
    const n = view.isExtended ? 2 : 1;
    if (n !== last && !signal.aborted) record("screen_count", { n });
    last = n;
  };
  look();
  on(view, "change", look);
  on(window, "resize", look);
}

function watchNetwork(on: On, record: Record): void {
  let last = "";
  const tell = () => {
    const connection = (navigator as Navigator & { connection?: { effectiveType?: string } }).connection;
    const kind = connection?.effectiveType;
    const data = { online: navigator.onLine, ...(kind === undefined ? {} : { kind }) };
    // One change of the network is told by several events.
    if (JSON.stringify(data) !== last) record("network_change", data);
    last = JSON.stringify(data);
  };
  on(window, "online", tell);
  on(window, "offline", tell);
  const { connection } = navigator as Navigator & { connection?: EventTarget };
  if (connection?.addEventListener !== undefined) on(connection, "change", tell);
}

function watchErrors(on: On, record: Record): void {
  const tell = (message: string) => record("client_error", { message: message.slice(0, 200) });
  on(window, "error", (event: ErrorEvent) => event.message && tell(event.message));
  on(window, "unhandledrejection", (event: PromiseRejectionEvent) => tell(String(event.reason)));
}

/** The exam item an element belongs to, as the page marks it. */
export function itemOf(target: EventTarget | null): string | null {
  return target instanceof Element
    ? (target.closest(`[${ITEM_ATTRIBUTE}]`)?.getAttribute(ITEM_ATTRIBUTE) ?? null)
    : null;
}

/** How many characters a hand has typed by this; pasted and dropped ones are stated elsewhere. */
function typedChars(event: InputEvent): number {
  if (event.inputType === "insertLineBreak" || event.inputType === "insertParagraph") return 1;
  // While an input method composes it repeats itself: what came of it is counted at its end.
  return event.inputType === "insertText" && !event.isComposing ? (event.data?.length ?? 0) : 0;
}

function selectedChars(): number {
  const field = document.activeElement;
  if (field instanceof HTMLTextAreaElement || field instanceof HTMLInputElement) {
    return Math.abs((field.selectionEnd ?? 0) - (field.selectionStart ?? 0));
  }
  return document.getSelection()?.toString().length ?? 0;
}
