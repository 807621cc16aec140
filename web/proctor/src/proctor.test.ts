import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LocalAnswer } from "./session/answers.ts";
import type { ClientFrame, HubFrame, Instruct, Welcome } from "./session/frames.ts";
import { DEFAULT_LIMITS } from "./session/frames.ts";
import { SignedOut } from "@veritas/shared/socket/ticket-socket.ts";
import { deliverStored, type Proctor, start } from "./proctor.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/** A hub with one stream: it remembers what it has acknowledged, across all sockets. */
class Hub {
  static current: Hub;
  readonly sockets: FakeSocket[] = [];
  readonly stored: { type: string; data?: Record<string, unknown> }[] = [];
  readonly hellos: ClientFrame[] = [];
  /** The last seq that was received, acknowledged or not: every sent event is stored on the device. */
  sent = 0;
  isSilent = false;
  isAway = false;

  take(socket: FakeSocket, frame: ClientFrame): void {
    if (frame.t === "events") this.sent = frame.first_seq + frame.events.length - 1;
    if (frame.t === "hello") {
      this.hellos.push(frame);
      const welcome: Welcome = {
        t: "welcome",
        stream: "one",
        committed: this.stored.length,
        rejected: [],
        previous: null,
        window: { events: 1_000, bytes: 512 * 1024 },
        limits: DEFAULT_LIMITS,
        heartbeat_ms: 10_000,
        server_at: Date.now(),
        attempt: { status: "in_progress", deadline: null, paused: false },
        auth_until: 0,
        queue_key: KEY,
        upload_token: "upload",
        mac: "",
        last: null,
      };
      socket.deliver(welcome);
    } else if (frame.t === "events" && !this.isSilent) {
      expect(frame.first_seq).toBe(this.stored.length + 1);
      this.stored.push(...frame.events);
      socket.deliver({ t: "ack", seq: this.stored.length, rejected: [], mac: "" });
    } else if (frame.t === "bye") socket.end(1000);
  }
}

class FakeSocket {
  static readonly OPEN = 1;
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: ((closed: { code: number }) => void) | null = null;

  constructor(readonly url: string) {
    Hub.current.sockets.push(this);
    setTimeout(() => {
      if (Hub.current.isAway) return this.end(1006);
      this.readyState = 1;
      this.onopen?.();
    }, 1);
  }

  send(text: string): void {
    Hub.current.take(this, JSON.parse(text) as ClientFrame);
  }

  deliver(frame: HubFrame): void {
    setTimeout(() => this.onmessage?.({ data: JSON.stringify(frame) }), 1);
  }

  end(code: number): void {
    this.readyState = 3;
    setTimeout(() => this.onclose?.({ code }), 1);
  }

  close(): void {
    this.readyState = 3;
  }
}

let attemptId = "";
const proctors: Proctor[] = [];

beforeEach(() => {
  attemptId = `attempt-${Math.random()}`;
  Hub.current = new Hub();
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("Worker", undefined);
});

afterEach(() => {
  for (const proctor of proctors.splice(0)) proctor.stop();
  vi.unstubAllGlobals();
});

function open(more: Partial<ConstructorParameters<typeof Proctor>[0]> = {}): Proctor {
  const proctor = start({ url: "ws://hub", attemptId, getTicket: async () => "ticket", listen: false, ...more });
  proctors.push(proctor);
  return proctor;
}

const types = () => Hub.current.stored.map((entry) => entry.type);
const until = (what: () => void) => vi.waitFor(what, { timeout: 5_000, interval: 5 });

test("a second start for the same attempt returns the same object", () => {
  expect(open()).toBe(open());
});

test("events recorded before the first welcome are delivered after it, in order", async () => {
  const proctor = open();
  proctor.record("item_opened", { item: "a" });
  proctor.answered("a", "x", 5);
  expect(await proctor.drained(5_000)).toBe(true);
  expect(types()).toEqual(["item_opened", "answered"]);
  expect(proctor.status).toMatchObject({ link: "open", pending: 0, isStored: true });
  expect(proctor.position).toEqual({ stream: "one", last_seq: 2 });
});

test("an answer is unsaved until its acknowledgement", async () => {
  const proctor = open();
  await until(() => expect(proctor.status.link).toBe("open"));
  Hub.current.isSilent = true;
  proctor.draft("a", "text");
  expect([...proctor.status.unsaved]).toEqual(["a"]);
  expect(await proctor.drained(50)).toBe(false);
  Hub.current.isSilent = false;
  Hub.current.sockets.at(-1)?.end(4503);
  expect(await proctor.drained(5_000)).toBe(true);
  expect(proctor.status.unsaved.size).toBe(0);
  expect(types()).toEqual(["draft_saved"]);
});

test("after a crash the stored events are delivered once, and their answers restored", async () => {
  const first = open();
  await until(() => expect(first.status.link).toBe("open"));
  Hub.current.isSilent = true;
  first.answered("a", "x", 1);
  first.answered("b", "y", 1);
  await until(() => expect(Hub.current.sent).toBe(2));
  first.stop();
  Hub.current.isSilent = false;
  const restored: LocalAnswer[] = [];
  const second = open({ onRestored: (answers) => restored.push(...answers) });
  expect(second).not.toBe(first);
  expect(await second.drained(5_000)).toBe(true);
  expect(restored.map(({ item, value }) => [item, value])).toEqual([
    ["a", "x"],
    ["b", "y"],
  ]);
  expect(Hub.current.stored.map((entry) => entry.data?.item)).toEqual(["a", "b"]);
  const boots = Hub.current.hellos.map((hello) => (hello.t === "hello" ? hello.boot : ""));
  expect(new Set(boots).size).toBe(1);
});

test("an instruction is given to the page, and its result is sent", async () => {
  const received: Instruct[] = [];
  const proctor = open({
    onInstruction: (instruct) => {
      received.push(instruct);
      return null;
    },
  });
  await until(() => expect(proctor.status.link).toBe("open"));
  const taken = vi.spyOn(Hub.current, "take");
  const body = { text: "hello" };
  Hub.current.sockets
    .at(-1)
    ?.deliver({ t: "instruct", id: 4, action: "message", issued_at: 0, valid_until: null, body });
  await until(() => expect(taken.mock.calls.map(([, frame]) => frame)).toContainEqual({ t: "done", id: 4, ok: true }));
  expect(received.map((entry) => entry.body.text)).toEqual(["hello"]);
});

test("a signed-out user is reported, and the session continues after signing in", async () => {
  let isOut = true;
  const proctor = open({
    getTicket: async () => {
      if (isOut) throw new SignedOut();
      return "ticket";
    },
  });
  proctor.answered("a", "x", 1);
  await until(() => expect(proctor.status.over).toBe("signed_out"));
  isOut = false;
  proctor.signedInAgain();
  expect(await proctor.drained(5_000)).toBe(true);
});

test("a newer connection is reported, and this tab can take over again", async () => {
  const proctor = open();
  await until(() => expect(proctor.status.link).toBe("open"));
  Hub.current.sockets.at(-1)?.end(4409);
  await until(() => expect(proctor.status.over).toBe("superseded"));
  proctor.continueHere();
  await until(() => expect(proctor.status.link).toBe("open"));
});

test("a page that is closed sends what is not acknowledged as one last request", async () => {
  const sent = vi.fn(() => Promise.resolve(new Response()));
  vi.stubGlobal("fetch", sent);
  const proctor = open({ url: "wss://hub/ws/monitor" });
  proctor.draft("a", "text");
  window.dispatchEvent(new Event("pagehide"));
  expect(sent).not.toHaveBeenCalled();
  await proctor.drained(5_000);
  window.dispatchEvent(new Event("pagehide"));
  expect(sent).not.toHaveBeenCalled();
  proctor.draft("a", "text and more");
  window.dispatchEvent(new Event("pagehide"));
  expect(sent).toHaveBeenCalledOnce();
  const [url, init] = sent.mock.calls[0] as unknown as [string, RequestInit];
  expect(url).toBe("https://hub/monitor/events");
  expect(init).toMatchObject({ keepalive: true, headers: { Authorization: "Bearer upload" } });
  expect(JSON.parse(String(init.body))).toMatchObject({
    stream: "one",
    first_seq: 2,
    events: [{ type: "draft_saved", data: { item: "a", text: "text and more" } }],
  });
  expect(await proctor.drained(5_000)).toBe(true);
});

test("half of a surrogate pair and NUL are never sent", async () => {
  const proctor = open();
  proctor.draft("a", "x\0y\ud800z");
  await proctor.drained(5_000);
  expect(Hub.current.stored[0]?.data?.text).toBe("xy\ufffdz");
});

test("stored events of an attempt that is over are delivered on the next visit, and none is added", async () => {
  const first = open();
  await until(() => expect(first.status.link).toBe("open"));
  Hub.current.isSilent = true;
  first.answered("a", "x", 1);
  await until(() => expect(Hub.current.sent).toBe(1));
  first.stop();
  Hub.current.isSilent = false;
  await deliverStored({ url: "ws://hub", attemptId, getTicket: async () => "ticket" });
  expect(types()).toEqual(["answered"]);
  await deliverStored({ url: "ws://hub", attemptId, getTicket: async () => "ticket" });
  expect(Hub.current.hellos).toHaveLength(2);
});

test("when the attempt is over the rest is delivered, and the stored queue is deleted", async () => {
  const proctor = open();
  proctor.answered("a", "x", 1);
  await proctor.finish();
  expect(types()).toEqual(["answered"]);
  const fresh = open();
  await until(() => expect(Hub.current.hellos.length).toBe(2));
  const [before, after] = Hub.current.hellos;
  expect(before?.t === "hello" && after?.t === "hello" && before.boot !== after.boot).toBe(true);
  fresh.stop();
});
