import { ServerClock } from "@veritas/shared/time.ts";
import { describe, expect, test } from "vitest";
import { type ClientFrame, DEFAULT_LIMITS, type Event, type HubFrame, type Welcome } from "./frames.ts";
import { CandidateQueue } from "../queue/queue.ts";
import { BYE_MS, DEAD_MS, type Effect, CandidateSession } from "./candidate-session.ts";

const WALL = 1_800_000_000_000;

const WELCOME: Welcome = {
  t: "welcome",
  stream: "one",
  committed: 0,
  rejected: [],
  previous: null,
  window: { events: 1_000, bytes: 512 * 1024 },
  limits: DEFAULT_LIMITS,
  heartbeat_ms: 10_000,
  server_at: WALL,
  attempt: { status: "in_progress", deadline: WALL + 3_600_000, paused: false },
  auth_until: WALL + 600_000,
  queue_key: "",
  upload_token: "",
  mac: "",
  last: null,
};

const event = (n: number): Event => ({ type: "paste", at: n, mono: n });

/** A session with its clock; it collects the frames that were sent. */
class Talk {
  now = 0;
  readonly queue = new CandidateQueue("boot");
  readonly session: CandidateSession;
  readonly sent: ClientFrame[] = [];
  readonly effects: Effect[] = [];

  constructor(random = 0.5) {
    const clock = new ServerClock(() => this.now);
    this.session = new CandidateSession(this.queue, { attemptId: "a", can: ["message"], random: () => random, clock });
  }

  take(effects: Effect[]): Effect["do"][] {
    this.effects.push(...effects);
    for (const effect of effects) if (effect.do === "send") this.sent.push(effect.frame);
    return effects.map((effect) => effect.do);
  }

  open(welcome: Partial<Welcome> = {}): this {
    if (this.session.phase === "idle") this.take(this.session.start(this.now));
    this.take(this.session.connected("ticket", this.now, WALL, 0));
    this.take(this.session.receive({ ...WELCOME, ...welcome }, this.now));
    this.take(this.session.resume({ ...WELCOME, ...welcome }, this.now, WALL));
    return this;
  }

  receive(frame: HubFrame): Effect["do"][] {
    return this.take(this.session.receive(frame, this.now));
  }

  record(n: number): void {
    this.take(this.session.record(event(n), 40, this.now));
  }

  tick(afterMs: number): Effect["do"][] {
    this.now += afterMs;
    return this.take(this.session.tick(this.now, WALL + this.now));
  }

  close(code: number): void {
    this.take(this.session.closed(code, this.now));
  }
}

describe("a session", () => {
  test("drops nothing and says hello again when the hub has another event under a number of its queue", () => {
    const talk = new Talk().open();
    for (let n = 1; n <= 4; n++) talk.record(n);
    talk.close(1006);
    talk.tick(60_000);
    talk.open({ committed: 3, last: { seq: 3, at: 900, mono: 900 } });
    expect(talk.session.phase).toBe("waiting");
    expect(talk.queue.length).toBe(4);
    talk.tick(60_000);
    talk.open({ stream: "two", previous: { stream: "one", committed: 0 }, mac: "proof" });
    const hellos = talk.sent.filter((frame) => frame.t === "hello");
    expect(hellos.at(-1)?.pending).toContainEqual({ seq: 3, at: 3, mono: 3 });
    expect(talk.sent.at(-1)).toMatchObject({ t: "events", first_seq: 1, events: { length: 4 } });
  });

  test("shows the proof of its last acknowledgement in the next hello", () => {
    const talk = new Talk().open();
    talk.record(1);
    talk.receive({ t: "ack", seq: 1, rejected: [], mac: "proof" });
    talk.close(1006);
    talk.tick(60_000);
    talk.open({ committed: 1 });
    expect(talk.sent.findLast((frame) => frame.t === "hello")).toMatchObject({ acked: 1, acked_mac: "proof" });
  });

  test("starts with hello, waits for the decrypted queue, then sends what was recorded before", () => {
    const talk = new Talk();
    expect(talk.take(talk.session.start(0))).toEqual(["connect"]);
    talk.record(1);
    talk.take(talk.session.connected("ticket", 0, WALL, 7));
    expect(talk.sent[0]).toMatchObject({ t: "hello", ticket: "ticket", acked: 0, next_seq: 2, mono: 7, stream: null });
    expect(talk.receive(WELCOME)).toEqual(["decrypt"]);
    expect(talk.sent).toHaveLength(1);
    talk.take(talk.session.resume(WELCOME, 0, WALL));
    expect(talk.sent.map((frame) => frame.t)).toEqual(["hello", "ping", "events"]);
    expect(talk.session.attempt?.status).toBe("in_progress");
  });

  test("reports what the hub has stored, and what it has refused", () => {
    const talk = new Talk().open();
    talk.record(1);
    const rejected = [{ seq: 1, code: "too_large" as const }];
    talk.receive({ t: "ack", seq: 1, rejected, mac: "" });
    expect(talk.effects.find((effect) => effect.do === "acknowledged")).toMatchObject({
      entries: [{ seq: 1 }],
      rejected,
    });
  });

  test("ends when the hub breaks the protocol", () => {
    const talk = new Talk().open();
    expect(talk.receive({ t: "ack", seq: 5, rejected: [], mac: "" })).toEqual(["disconnect"]);
    expect(talk.session.over).toBe("refused");
  });

  test("follows the attempt frames of the hub", () => {
    const talk = new Talk().open();
    talk.receive({ t: "attempt", status: "ended", deadline: null, paused: false });
    expect(talk.session.attempt).toEqual({ status: "ended", deadline: null, paused: false });
  });

  test("stops at a window of 0 until the next one", () => {
    const talk = new Talk().open();
    talk.receive({ t: "window", events: 0, bytes: 0, retry_ms: null });
    talk.record(1);
    expect(talk.sent.at(-1)?.t).toBe("ping");
    talk.receive({ t: "window", events: 10, bytes: 10_000, retry_ms: null });
    expect(talk.sent.at(-1)?.t).toBe("events");
  });

  test("starts a new stream when the old one is a day old and acknowledged, without a delay", () => {
    const talk = new Talk().open();
    talk.record(1);
    talk.receive({ t: "rotate" });
    expect(talk.sent.at(-1)?.t).toBe("events");
    talk.receive({ t: "ack", seq: 1, rejected: [], mac: "" });
    expect(talk.sent.at(-1)?.t).toBe("bye");
    talk.close(1000);
    expect(talk.session.phase).toBe("waiting");
    expect(talk.tick(0)).toEqual(["connect"]);
  });
});

describe("a close", () => {
  test("4409 does not reconnect by itself, but start does", () => {
    const talk = new Talk().open();
    talk.close(4409);
    expect(talk.session.over).toBe("superseded");
    expect(talk.tick(60_000)).toEqual([]);
    expect(talk.take(talk.session.start(talk.now))).toEqual(["connect"]);
    expect(talk.session.over).toBeNull();
  });

  test.each([
    [4410, "ended"],
    [4403, "forbidden"],
    [4400, "refused"],
    [4413, "refused"],
  ] as const)("%i is final: %s", (code, over) => {
    const talk = new Talk().open();
    talk.close(code);
    expect(talk.session.over).toBe(over);
  });

  test("4401 is tried once more with a new ticket, then the user is signed out", () => {
    const talk = new Talk().open();
    talk.close(4401);
    expect(talk.tick(0)).toEqual(["connect"]);
    talk.take(talk.session.connected("another", talk.now, WALL, 0));
    talk.close(4401);
    expect(talk.session.over).toBe("signed_out");
  });

  test("4419 fetches a new ticket at once", () => {
    const talk = new Talk().open();
    talk.close(4419);
    expect(talk.tick(0)).toEqual(["connect"]);
  });

  test("without a ticket the user is signed out", () => {
    const talk = new Talk();
    talk.take(talk.session.start(0));
    talk.take(talk.session.closed(1006, 0, { isSignedOut: true }));
    expect(talk.session.over).toBe("signed_out");
  });

  test("after a drain reconnects within the time that the hub requested", () => {
    const talk = new Talk(0.999).open();
    talk.receive({ t: "drain", in_ms: 15_000 });
    talk.receive({ t: "ack", seq: 0, rejected: [], mac: "" });
    talk.close(4505);
    expect(talk.session.retryAtMs).toBeCloseTo(14_985);
  });

  test("waits longer each time, and short again after a success", () => {
    const talk = new Talk(1).open();
    const waits: number[] = [];
    for (let n = 0; n < 8; n++) {
      talk.close(1006);
      waits.push(talk.session.retryAtMs - talk.now);
      talk.tick(waits.at(-1) as number);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    talk.open();
    talk.record(1);
    talk.receive({ t: "ack", seq: 1, rejected: [], mac: "" });
    talk.close(1006);
    expect(talk.session.retryAtMs - talk.now).toBe(500);
    talk.tick(500);
    // A failed ticket does not count as a success of the connection before it.
    talk.close(1006);
    expect(talk.session.retryAtMs - talk.now).toBe(1_000);
  });

  test("reconnects at once when the network is back", () => {
    const talk = new Talk(1).open();
    talk.close(1006);
    expect(talk.take(talk.session.online(talk.now))).toEqual(["connect"]);
  });
});

describe("silence", () => {
  test("of the hub causes a ping, then a new connection", () => {
    const talk = new Talk().open();
    expect(talk.tick(7_000)).toEqual(["send"]);
    expect(talk.tick(DEAD_MS - 7_000)).toContain("disconnect");
    expect(talk.session.phase).toBe("waiting");
  });

  test("ends the connection sooner when the browser reports that the network is gone", () => {
    const talk = new Talk().open();
    talk.take(talk.session.offline(talk.now, WALL));
    expect(talk.tick(1_000)).not.toContain("disconnect");
    expect(talk.tick(1_000)).toContain("disconnect");
  });

  test("instead of a welcome closes the socket after ten seconds", () => {
    const talk = new Talk();
    talk.take(talk.session.start(0));
    talk.take(talk.session.connected("ticket", 0, WALL, 0));
    expect(talk.tick(9_999)).toEqual([]);
    expect(talk.tick(1)).toContain("disconnect");
  });

  test("of the candidate causes alive events after five seconds, until the attempt is over", () => {
    const talk = new Talk().open();
    talk.record(1);
    expect(talk.session.isAliveDue(4_999)).toBe(false);
    expect(talk.session.isAliveDue(5_000)).toBe(true);
    talk.session.stopAlive();
    expect(talk.session.isAliveDue(9_000)).toBe(false);
  });
});

test("a pong updates the server's clock and the round trip", () => {
  const talk = new Talk();
  const clock = new ServerClock(() => talk.now);
  const session = new CandidateSession(talk.queue, { attemptId: "a", can: [], random: () => 0, clock });
  session.start(0);
  session.connected("ticket", 0, WALL, 0);
  talk.now = 100;
  session.receive(WELCOME, talk.now);
  session.resume(WELCOME, talk.now, WALL);
  talk.now = 140;
  session.receive({ t: "pong", at: WALL, server_at: WALL + 5_000 }, talk.now);
  expect(session.rttMs).toBe(40);
  talk.now = 1_120;
  expect(clock.now()).toBe(WALL + 6_000);
});

describe("an instruction", () => {
  const instruct: HubFrame = {
    t: "instruct",
    id: 1,
    action: "message",
    issued_at: 0,
    valid_until: null,
    body: { text: "hi" },
  };

  test("is carried out once, and its result is sent whenever the hub asks", () => {
    const talk = new Talk().open();
    expect(talk.receive(instruct)).toEqual(["carryOut"]);
    expect(talk.receive(instruct)).toEqual([]);
    talk.take(talk.session.carriedOut(1, null));
    expect(talk.sent.at(-1)).toEqual({ t: "done", id: 1, ok: true });
    expect(talk.receive(instruct)).toEqual(["send"]);
  });

  test("that is not supported is refused", () => {
    const talk = new Talk().open();
    talk.receive({ ...instruct, action: "pause" });
    expect(talk.sent.at(-1)).toEqual({ t: "done", id: 1, ok: false, code: "unsupported" });
  });

  test("that fails has a code as its result", () => {
    const talk = new Talk().open();
    talk.receive(instruct);
    talk.take(talk.session.carriedOut(1, "failed"));
    expect(talk.sent.at(-1)).toEqual({ t: "done", id: 1, ok: false, code: "failed" });
  });
});

describe("leaving", () => {
  test("sends bye and does not reconnect", () => {
    const talk = new Talk().open();
    talk.take(talk.session.leave(talk.now));
    expect(talk.sent.at(-1)?.t).toBe("bye");
    talk.close(1000);
    expect(talk.session.over).toBe("left");
  });

  test("does not wait forever for the close", () => {
    const talk = new Talk().open();
    talk.take(talk.session.leave(talk.now));
    expect(talk.tick(BYE_MS)).toEqual(["disconnect"]);
    expect(talk.session.over).toBe("left");
  });

  test("for another tab is at once", () => {
    const talk = new Talk().open();
    expect(talk.take(talk.session.handOver())).toEqual(["disconnect"]);
  });
});
