import { describe, expect, it } from "vitest";
import { Follower } from "./follower.ts";
import { EXAM, FakeFeed, contents, emptyPart, seeded } from "./testing.ts";
import type { Delta, Live, Resync, Since, Snapshot } from "./frames.ts";

/** Answer `watch` as docs/wire/README.md describes: with the missed deltas, or with a snapshot in parts. */
function answer(feed: FakeFeed, since: Since | null, parts: number): (Snapshot | Delta)[] {
  if (since === null || since.epoch !== feed.epoch || since.offset > feed.offset) return feed.snapshot(parts);
  return feed.deltas.slice(since.offset);
}

const RESYNC: Resync = { t: "resync", exam_id: EXAM.exam_id, reason: "slow" };

describe("following a board", () => {
  it("ends with the hub's board after losses, repetitions, resyncs and new epochs", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seeded(seed);
      const feed = new FakeFeed(random);
      const follower = new Follower();
      let queue: (Snapshot | Delta | Resync)[] = answer(feed, follower.reconnected(), 2);
      for (let step = 0; step < 120; step += 1) {
        const dice = random();
        if (dice < 0.45) queue.push(feed.step());
        else if (dice < 0.5) {
          // The connection is lost, possibly in the middle of a snapshot, with the frames under way.
          queue = answer(feed, follower.reconnected(), 1 + feed.pick(3));
        } else if (dice < 0.53) queue = [RESYNC, ...feed.snapshot(1 + feed.pick(3))];
        else if (dice < 0.55) queue.splice(feed.pick(queue.length + 1), 1);
        else if (dice < 0.57) {
          feed.epoch = `${step}-${seed}`;
          queue = answer(feed, follower.reconnected(), 2);
        } else {
          const frame = queue.shift();
          if (frame === undefined) continue;
          if (random() < 0.1) queue.unshift(frame);
          if (follower.receive(frame).kind === "gap") queue = answer(feed, follower.rewatch(), 1 + feed.pick(3));
        }
      }
      queue = answer(feed, follower.reconnected(), 2);
      while (queue.length > 0) {
        const frame = queue.shift() as Snapshot;
        if (follower.receive(frame).kind === "gap") queue = answer(feed, follower.rewatch(), 2);
      }
      expect(contents(follower.board), `seed ${seed}`).toEqual(contents(feed.board()));
    }
  });

  it("reports a gap once, and watches from the last offset", () => {
    const feed = new FakeFeed(seeded(3));
    const follower = new Follower();
    follower.receive(emptyPart(feed.epoch, 0));
    feed.step();
    const [second, third] = [feed.step(), feed.step()];
    expect(follower.receive(second)).toEqual({ kind: "gap" });
    expect(follower.rewatch()).toEqual({ epoch: feed.epoch, offset: 0 });
    expect(follower.receive(third)).toEqual({ kind: "nothing" });
  });

  it("shows the old board until the new one is complete", () => {
    const feed = new FakeFeed(seeded(4));
    const follower = new Follower();
    follower.receive(emptyPart(feed.epoch, 0));
    const before = follower.board;
    for (let n = 0; n < 9; n += 1) feed.step();
    const [first, second] = feed.snapshot(2) as [Snapshot, Snapshot];
    follower.receive(RESYNC);
    expect(follower.receive(first)).toEqual({ kind: "nothing" });
    expect(follower.board).toBe(before);
    expect(follower.receive(second)).toEqual({ kind: "board" });
    expect(follower.board?.offset).toBe(9);
  });

  it("requests a snapshot again after a loss in the middle of one", () => {
    const follower = new Follower();
    follower.receive(emptyPart("1-1", 5, 1, 2));
    expect(follower.reconnected()).toBeNull();
  });

  it("requests one snapshot for an unknown kind, and then continues", () => {
    const feed = new FakeFeed(seeded(5));
    const follower = new Follower();
    follower.receive(emptyPart(feed.epoch, 0));
    expect(follower.receive(feed.append("claim", {}))).toEqual({ kind: "gap" });
    expect(follower.rewatch()).toBeNull();
    follower.receive(emptyPart(feed.epoch, 1));
    expect(follower.receive(feed.append("claim", {})).kind).toBe("row");
    expect(follower.receive(feed.append("student", { student_id: "s", name: "Ada" }))).toEqual({
      kind: "row",
      student: "s",
    });
  });

  it("keeps the latest live values, reports changed ones, and has none on a new connection", () => {
    const follower = new Follower();
    const live = (attempts: Live["attempts"], since: number | null = null): Live => ({
      t: "live",
      exam_id: EXAM.exam_id,
      attempts,
      since,
    });
    expect(
      follower.receiveLive(
        live([
          [1, true, 5, 100],
          [2, false, 0, 90],
        ]),
      ),
    ).toEqual([1, 2]);
    expect(
      follower.receiveLive(
        live(
          [
            [1, true, 5, 100],
            [2, true, 1, 120],
          ],
          77,
        ),
      ),
    ).toEqual([2]);
    expect([follower.hasLive, follower.liveSince]).toEqual([true, 77]);
    follower.reconnected();
    expect(follower.hasLive).toBe(false);
  });
});
