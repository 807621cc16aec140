import { describe, expect, test } from "vitest";
import { Typing } from "./typing.ts";

describe("typing", () => {
  test("is recorded after a pause: characters and time, nothing else", () => {
    const typing = new Typing();
    expect(typing.typed("a", 1, 0)).toBeNull();
    expect(typing.typed("a", 1, 300)).toBeNull();
    expect(typing.tick(1_000)).toBeNull();
    expect(typing.tick(2_300)).toEqual({ item: "a", chars: 2, ms: 300 });
    expect(typing.tick(9_000)).toBeNull();
  });

  test("ends with a change of the item, and after ten seconds", () => {
    const typing = new Typing();
    typing.typed("a", 1, 0);
    expect(typing.typed("b", 1, 100)).toEqual({ item: "a", chars: 1, ms: 0 });
    for (let ms = 200; ms < 10_100; ms += 100) expect(typing.typed("b", 1, ms)).toBeNull();
    expect(typing.typed("b", 1, 10_100)).toMatchObject({ item: "b", chars: 100 });
  });
});
