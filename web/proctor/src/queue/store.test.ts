import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Change, Store } from "./store.ts";

const STATE = { boot: "b", stream: "s", acked: 0, nextSeq: 3, shift: 0, sentEver: 2, origin: 5, lastMono: 9 };

let attempt = "";
let number = 0;

beforeEach(() => {
  number += 1;
  attempt = `attempt-${number}`;
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const record = (key: number) => ({ key, size: key * 10, iv: new Uint8Array(12), box: new ArrayBuffer(1) });
const change = (more: Partial<Change> = {}): Change => ({ state: STATE, put: [], deleteTo: 0, delete: [], ...more });
const open = async (name = attempt): Promise<Store> => (await Store.open(name)) as Store;

test("an attempt without a queue loads nothing", async () => {
  expect(await (await open()).load()).toBeNull();
});

test("state and events of an attempt are loaded again", async () => {
  const store = await open();
  expect(await store.write(change({ put: [record(1), record(2)] }))).toBe(true);
  store.close();
  const loaded = await (await open()).load();
  expect(loaded?.state).toMatchObject(STATE);
  expect([...(loaded?.events ?? [])].map(([key, { size }]) => [key, size])).toEqual([
    [1, 10],
    [2, 20],
  ]);
});

test("acknowledged and dropped events are deleted, together with the change", async () => {
  const store = await open();
  await store.write(change({ put: [1, 2, 3, 4, 5].map(record) }));
  await store.write(change({ deleteTo: 2, delete: [4] }));
  expect([...((await store.load())?.events.keys() ?? [])]).toEqual([3, 5]);
});

test("clear deletes one attempt and leaves the others", async () => {
  const [store, other] = [await open(), await open(`${attempt}-other`)];
  await store.write(change({ put: [record(1)] }));
  await other.write(change({ put: [record(1)] }));
  await store.clear();
  expect(await store.load()).toBeNull();
  expect((await other.load())?.events.size).toBe(1);
});

test("without storage there is no store, and a store that fails says so", async () => {
  const store = await open();
  store.close();
  expect(await store.write(change())).toBe(false);
  expect(await store.load()).toBeNull();
  await store.clear();
  vi.stubGlobal("indexedDB", undefined);
  expect(await Store.open(attempt)).toBeNull();
});
