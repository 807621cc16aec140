import { expect, test } from "vitest";
import type { Event } from "../session/frames.ts";
import { Encryption } from "./encryption.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const EVENT: Event = { type: "answered", at: 1, mono: 2, data: { item: "q", value: "é" } };

test("an event is decrypted with the same key and the same binding only", async () => {
  const encryption = await Encryption.open(KEY, "attempt:boot");
  const encrypted = await encryption?.encrypt(7, EVENT);
  if (!encryption || !encrypted) throw new Error("no encryption");
  expect(await encryption.decrypt(7, encrypted)).toEqual(EVENT);
  expect(await encryption.decrypt(8, encrypted)).toBeNull();
  const elsewhere = await Encryption.open(KEY, "attempt:another");
  expect(await elsewhere?.decrypt(7, encrypted)).toBeNull();
});

test("the same event is encrypted differently each time", async () => {
  const encryption = await Encryption.open(KEY, "place");
  const boxes = await Promise.all([encryption?.encrypt(1, EVENT), encryption?.encrypt(1, EVENT)]);
  expect(new Uint8Array(boxes[0]?.box ?? new ArrayBuffer(0))).not.toEqual(
    new Uint8Array(boxes[1]?.box ?? new ArrayBuffer(0)),
  );
});

test("without a key, or with one of another length, there is no encryption", async () => {
  expect(await Encryption.open("", "place")).toBeNull();
  expect(await Encryption.open(undefined, "place")).toBeNull();
  expect(await Encryption.open("AAEC", "place")).toBeNull();
});
