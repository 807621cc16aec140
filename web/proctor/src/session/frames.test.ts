import { expect, test } from "vitest";
import { readFrame } from "./frames.ts";

test("a frame of the hub is read", () => {
  expect(readFrame('{"t":"pong","at":1,"server_at":2}')).toEqual({ t: "pong", at: 1, server_at: 2 });
});

test.each(["", "{", "null", "7", "[]", "{}", '{"t":"hello"}', '{"t":"future"}'])("%j is not a frame", (text) => {
  expect(readFrame(text)).toBeNull();
});
