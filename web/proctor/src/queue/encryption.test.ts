// @vitest-environment node
import { expect, test } from "vitest";
import type { Event } from "../session/frames.ts";
import { Encryption } from "./encryption.ts";

const KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const EVENT: Event = { type: "answered", at: 1, mono: 2, data: { item: "q", value: "é" } };

test("what is sealed is read again with the same key, in the same place", async () => {
  const encryption = await Encryption.open(KEY, "attempt:boot");
  const sealed = await encryption?.seal(7, EVENT);
  if (!encryption || !sealed) throw new Error("no encryption");
  expect(await encryption.unseal(7, sealed)).toEqual(EVENT);
  expect(await encryption.unseal(8, sealed)).toBeNull();
  const elsewhere = await Encryption.open(KEY, "attempt:another");
  expect(await elsewhere?.unseal(7, sealed)).toBeNull();
});

test("the same event is sealed differently each time", async () => {
  const encryption = await Encryption.open(KEY, "place");
  const boxes = await Promise.all([encryption?.seal(1, EVENT), encryption?.seal(1, EVENT)]);
  expect(new Uint8Array(boxes[0]?.box ?? new ArrayBuffer(0))).not.toEqual(
    new Uint8Array(boxes[1]?.box ?? new ArrayBuffer(0)),
  );
});

test("no key, or one of another length, opens no encryption", async () => {
  expect(await Encryption.open("", "place")).toBeNull();
  expect(await Encryption.open(undefined, "place")).toBeNull();
  expect(await Encryption.open("AAEC", "place")).toBeNull();
});
