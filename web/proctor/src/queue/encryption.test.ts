// @vitest-environment node
import { expect, test } from "vitest";
import type { Event } from "../frames.ts";
import { Vault } from "./encryption.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const EVENT: Event = { type: "answered", at: 1, mono: 2, data: { item: "q", value: "é" } };

test("what is sealed is read again with the same key, in the same place", async () => {
  const vault = await Vault.open(KEY, "attempt:boot");
  const sealed = await vault?.seal(7, EVENT);
  if (!vault || !sealed) throw new Error("no vault");
  expect(await vault.unseal(7, sealed)).toEqual(EVENT);
  expect(await vault.unseal(8, sealed)).toBeNull();
  const elsewhere = await Vault.open(KEY, "attempt:another");
  expect(await elsewhere?.unseal(7, sealed)).toBeNull();
});

test("the same event is sealed differently each time", async () => {
  const vault = await Vault.open(KEY, "place");
  const boxes = await Promise.all([vault?.seal(1, EVENT), vault?.seal(1, EVENT)]);
  expect(new Uint8Array(boxes[0]?.box ?? new ArrayBuffer(0))).not.toEqual(
    new Uint8Array(boxes[1]?.box ?? new ArrayBuffer(0)),
  );
});

test("no key, or one of another length, opens no vault", async () => {
  expect(await Vault.open("", "place")).toBeNull();
  expect(await Vault.open(undefined, "place")).toBeNull();
  expect(await Vault.open("AAEC", "place")).toBeNull();
});
