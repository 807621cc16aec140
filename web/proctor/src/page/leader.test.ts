import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Leader } from "./leader.ts";

/** Web Locks for one name at a time, as the browser has them: one holder, a line, and thieves. */
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
          this.line = this.line.filter((one) => one !== hold);
          reject(new DOMException("given up", "AbortError"));
        });
      }
    });
  }
}

interface Tab {
  leader: Leader;
  told: string[];
}

const tabs: Tab[] = [];
let yieldsWithin: Promise<void> = Promise.resolve();

function openTab(): Tab {
  const told: string[] = [];
  const leader = new Leader("attempt", {
    onLead: () => told.push("lead"),
    onWait: () => told.push("wait"),
    onYield: async () => {
      told.push("yield");
      await yieldsWithin;
    },
  });
  const tab = { leader, told };
  tabs.push(tab);
  void leader.stand();
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

test("the first tab leads, the second is told and waits", async () => {
  const [first, second] = [openTab(), openTab()];
  await settle();
  expect(first.told).toEqual(["lead"]);
  expect(second.told).toEqual(["wait"]);
});

test("a tab that waits leads when the other one is closed", async () => {
  const [first, second] = [openTab(), openTab()];
  await settle();
  first.leader.stop();
  await settle();
  expect(second.told).toEqual(["wait", "lead"]);
});

test("a tab that will not answer has the lead taken from it, and puts its things away when it wakes", async () => {
  const [first, second] = [openTab(), openTab()];
  await settle();
  yieldsWithin = new Promise(() => {});
  void second.leader.takeOver();
  await settle(2_500);
  expect(second.told.at(-1)).toBe("lead");
  expect(first.told).toContain("yield");
});

test("without locks every tab leads, and the hub decides", async () => {
  vi.stubGlobal("navigator", {});
  const tab = openTab();
  await settle();
  expect(tab.told).toEqual(["lead"]);
});
