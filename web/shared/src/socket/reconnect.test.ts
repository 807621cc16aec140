import { describe, expect, it } from "vitest";
import { mayReconnect, PROVEN_MS, Reconnect } from "./reconnect.ts";

describe("a close code", () => {
  it("allows or forbids to connect again, as docs/wire/README.md says", () => {
    const final = [1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413];
    const passing = [1001, 1006, 1011, 1012, 4408, 4419, 4422, 4429, 4500, 4503, 4504, 4505];
    expect(final.filter(mayReconnect)).toEqual([]);
    expect(passing.filter(mayReconnect)).toEqual(passing);
  });
});

describe("the delay before the next connection", () => {
  const failed = (times: number): Reconnect => {
    const reconnect = new Reconnect(() => 1);
    for (let n = 0; n < times; n += 1) reconnect.delayMs(0);
    return reconnect;
  };

  it("grows with every failure", () => {
    const reconnect = new Reconnect(() => 1);
    expect([0, 1, 2, 3].map((now) => reconnect.delayMs(now))).toEqual([500, 1_000, 2_000, 4_000]);
  });

  it("is short again after a connection that lasted", () => {
    const reconnect = failed(5);
    reconnect.opened(0);
    reconnect.welcomed();
    expect(reconnect.delayMs(PROVEN_MS)).toBe(500);
  });

  it("is short again after an acknowledgement, however short the connection was", () => {
    const reconnect = failed(5);
    reconnect.opened(0);
    reconnect.welcomed();
    reconnect.proven();
    expect(reconnect.delayMs(1)).toBe(500);
  });

  it("grows on after a connection that ended early", () => {
    const reconnect = failed(2);
    reconnect.opened(0);
    reconnect.welcomed();
    expect(reconnect.delayMs(PROVEN_MS - 1)).toBe(2_000);
  });

  it("grows on after a socket that stayed open without a welcome", () => {
    const reconnect = failed(2);
    reconnect.opened(0);
    expect(reconnect.delayMs(60_000)).toBe(2_000);
  });

  it("does not count one connection that worked twice", () => {
    const reconnect = failed(3);
    reconnect.opened(0);
    reconnect.proven();
    expect(reconnect.delayMs(1)).toBe(500);
    expect(reconnect.delayMs(2)).toBe(1_000);
    reconnect.opened(3);
    reconnect.welcomed();
    reconnect.ended();
    expect(reconnect.delayMs(60_000)).toBe(2_000);
  });

  it("is short again when the network comes back", () => {
    const reconnect = failed(5);
    reconnect.reset();
    expect(reconnect.delayMs(0)).toBe(500);
  });

  it("is what the hub requested, and a drain counts more than an error", () => {
    const reconnect = new Reconnect(() => 0.5);
    reconnect.retryWithin(1_000);
    expect(reconnect.delayMs(0)).toBe(500);
    reconnect.drainWithin(8_000);
    expect(reconnect.requestedMs).toBe(8_000);
    expect(reconnect.delayMs(0)).toBe(4_000);
  });

  it("forgets a request with the next socket, and an error's request with the next frame", () => {
    const reconnect = new Reconnect(() => 1);
    reconnect.drainWithin(8_000);
    reconnect.opened(0);
    expect(reconnect.requestedMs).toBeNull();
    reconnect.retryWithin(9_000);
    reconnect.retryWithin(null);
    expect(reconnect.delayMs(1)).toBe(500);
  });

  it("is what the caller requests, even if the hub requested another one", () => {
    const reconnect = new Reconnect(() => 1);
    reconnect.drainWithin(8_000);
    expect(reconnect.delayMs(0, 0)).toBe(0);
    expect(reconnect.delayMs(0, null)).toBe(500);
  });
});
