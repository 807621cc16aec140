import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Leader } from "./leader.ts";

/** Web Locks for one name: one holder, a queue of requests, and requests that steal. */
class Locks {
  private holder: { reject: (reason: Error) => void } | null = null;
  private line: (() => void)[] = [];

  request(
    _name: string,
    options: LockOptions,
    work: (lock: object | null) => Promise<void> | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const hold = () => {
        const mine = { reject };
        this.holder = mine;
        const free = () => {
          if (this.holder === mine) {
            this.holder = null;
            this.line.shift()?.();
          }
          resolve();
        };
        void Promise.resolve(work({})).then(free);
      };
      if (this.holder === null) hold();
      else if (options.ifAvailable) void Promise.resolve(work(null)).then(resolve);
      else if (options.steal) {
        this.holder.reject(new DOMException("stolen", "AbortError"));
        hold();
      } else {
        this.line.push(hold);
        options.signal?.addEventListener("abort", () => {
          this.line = this.line.filter((entry) => entry !== hold);
          reject(new DOMException("given up", "AbortError"));
        });
      }
    });
  }
}

interface Tab {
  leader: Leader;
  calls: string[];
}

const tabs: Tab[] = [];
let yieldsWithin: Promise<void> = Promise.resolve();

function openTab(): Tab {
  const calls: string[] = [];
  const leader = new Leader("attempt", {
    onLead: () => calls.push("lead"),
    onWait: () => calls.push("wait"),
    onHandOver: async () => {
      calls.push("yield");
      await yieldsWithin;
    },
  });
  const tab = { leader, calls };
  tabs.push(tab);
  void leader.start();
  return tab;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("navigator", { locks: new Locks() });
  yieldsWithin = Promise.resolve();
});

afterEach(() => {
  for (const { leader } of tabs.splice(0)) leader.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Let messages between tabs arrive. */
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

test("the first tab is in charge, the second waits", async () => {
  const [first, second] = [openTab(), openTab()];
  await settle();
  expect(first.calls).toEqual(["lead"]);
  expect(second.calls).toEqual(["wait"]);
});

test("a waiting tab takes over when the other one is closed", async () => {
  const [first, second] = [openTab(), openTab()];
  await settle();
  first.leader.stop();
  await settle();
  expect(second.calls).toEqual(["wait", "lead"]);
});

test("the lock is taken from a tab that does not answer, and it stores everything when it wakes up", async () => {
  const [first, second] = [openTab(), openTab()];
  await settle();
  yieldsWithin = new Promise(() => {});
  void second.leader.takeOver();
  await settle(2_500);
  expect(second.calls.at(-1)).toBe("lead");
  expect(first.calls).toContain("yield");
});

test("without Web Locks every tab is in charge, and the hub decides", async () => {
  vi.stubGlobal("navigator", {});
  const tab = openTab();
  await settle();
  expect(tab.calls).toEqual(["lead"]);
});

test("in a browser that refuses locks and channels, because it blocks site data, the tab is in charge", async () => {
  const denied = () => Promise.reject(new DOMException("denied", "SecurityError"));
  vi.stubGlobal("navigator", { locks: { request: denied } });
  vi.stubGlobal("BroadcastChannel", function BroadcastChannel() {
    throw new DOMException("denied", "SecurityError");
  });
  const tab = openTab();
  await settle();
  expect(tab.calls).toEqual(["lead"]);
});
