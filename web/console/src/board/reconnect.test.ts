// @vitest-environment node
import { describe, expect, it } from "vitest";
import { Backoff, FIRST_MS, MOST_MS, mayReconnect, renewInMs } from "./reconnect.ts";

describe("coming back", () => {
  it("is allowed as the table of close codes says", () => {
    const final = [1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413];
    const passing = [1001, 1006, 1011, 1012, 4408, 4419, 4422, 4429, 4500, 4503, 4504, 4505];
    expect(final.filter(mayReconnect)).toEqual([]);
    expect(passing.filter(mayReconnect)).toEqual(passing);
  });

  it("waits with full jitter up to half a second, then twice that, and never longer than 30 s", () => {
    const backoff = new Backoff(() => 1);
    const waits = Array.from({ length: 9 }, () => backoff.after({}));
    expect(waits).toEqual([FIRST_MS, 1_000, 2_000, 4_000, 8_000, 16_000, MOST_MS, MOST_MS, MOST_MS]);
    expect(new Backoff(() => 0).after({})).toBe(0);
  });

  it("begins anew after a connection that held, or when the network came back", () => {
    const backoff = new Backoff(() => 1);
    for (let n = 0; n < 5; n += 1) backoff.after({});
    expect(backoff.after({ proven: true })).toBe(FIRST_MS);
    backoff.after({});
    backoff.startOver();
    expect(backoff.after({})).toBe(FIRST_MS);
  });

  it("takes a drain's time for its own", () => {
    const backoff = new Backoff(() => 0.5);
    expect(backoff.after({ waitMs: 8_000 })).toBe(4_000);
    expect(backoff.after({ waitMs: 0 })).toBe(0);
  });

  it("renews a minute before the end, a short sign-in at half of it, and never in a rush", () => {
    expect(renewInMs(15 * 60_000)).toBe(14 * 60_000);
    expect(renewInMs(60_000)).toBe(30_000);
    expect(renewInMs(500)).toBe(1_000);
    expect(renewInMs(-5_000)).toBe(1_000);
  });
});
