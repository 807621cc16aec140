import { describe, expect, it } from "vitest";
import { answerText, keyText, pointsError, storedPoints } from "./points.ts";

describe("typed points", () => {
  it("are between 0 and the points of the question", () => {
    expect(["0", "2.5", "5"].map((typed) => pointsError(typed, 5))).toEqual([null, null, null]);
    expect(["", "-1", "6", "many"].map((typed) => pointsError(typed, 5))).toEqual(Array(4).fill("0 to 5"));
  });

  it("begin with the stored ones", () => {
    expect(storedPoints({ given: null })).toEqual({ points: "", comment: "" });
    const given = { points: 3, comment: "Good.", by: "Grace", at: 1 };
    expect(storedPoints({ given } as never)).toEqual({ points: "3", comment: "Good." });
  });
});

describe("an answer", () => {
  it("is shown as text", () => {
    expect([answerText("a"), answerText(["a", "b"]), answerText(1200)]).toEqual(["a", "a, b", "1200"]);
  });

  it("has a key in any form", () => {
    expect([
      keyText(null),
      keyText("a"),
      keyText(["a", "b"]),
      keyText({ value: 9.81, tolerance: 0.05 }),
      keyText({ value: 3, tolerance: 0 }),
    ]).toEqual(["", "a", "a, b", "9.81 ± 0.05", "3"]);
  });
});
