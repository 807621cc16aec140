import { describe, expect, it } from "vitest";
import { Problem } from "@veritas/shared/api.ts";
import {
  type GivenPoints,
  answerText,
  gradesOf,
  keyText,
  lateness,
  otherGrader,
  pointsError,
  storedPoints,
  withoutSent,
} from "./points.ts";

describe("typed points", () => {
  it("are between 0 and the points of the question", () => {
    expect(["0", "2.5", "5"].map((typed) => pointsError(typed, 5))).toEqual([null, null, null]);
    expect(["", "-1", "6", "many"].map((typed) => pointsError(typed, 5))).toEqual(Array(4).fill("0 to 5"));
  });

  it("begin with the stored ones", () => {
    expect(storedPoints({ given: null })).toEqual({ points: "", comment: "" });
    const given = { points: 3, comment: "Good.", by: "Grace", graded_at: 1 };
    expect(storedPoints({ given } as never)).toEqual({ points: "3", comment: "Good." });
  });
});

describe("points to save", () => {
  const typed: GivenPoints = { points: "2.5", comment: "Good." };

  it("name the points that the teacher saw, and null where there were none", () => {
    const items = [
      { item: "a", given: { points: 1, by: "Grace", comment: "", graded_at: 7 } },
      { item: "b", given: null },
    ] as never;
    expect(gradesOf(new Map([["a", typed]]), items)[0]?.seen).toEqual({ points: 1, graded_at: 7 });
    expect(gradesOf(new Map([["b", typed]]), items)).toEqual([
      { item: "b", points: 2.5, comment: "Good.", seen: null },
    ]);
  });

  it("stay typed when they changed after they were sent", () => {
    const later = { ...typed, points: "3" };
    const sent = new Map([
      ["a", typed],
      ["b", typed],
    ]);
    expect([...withoutSent(new Map([...sent, ["b", later]]), sent)]).toEqual([["b", later]]);
  });

  it("conflict with those of another grader", () => {
    const conflict = (body: Record<string, unknown>, status = 409): Problem =>
      new Problem(status, "conflict", "Conflict", "", [], null, body);
    expect(otherGrader(conflict({ by: "Grace" }))).toBe("Grace");
    expect(otherGrader(conflict({ by: "key" }))).toBe("the answer key");
    expect([conflict({}), conflict({ by: "Grace" }, 400), new Error("x")].map(otherGrader)).toEqual([null, null, null]);
  });
});

it("tells how late an answer was, to the second within the first hour", () => {
  expect([0, 45_000, 60_000, 130_000, 3_599_000, 3_900_000].map(lateness)).toEqual([
    "1 s",
    "45 s",
    "1 min",
    "2 min 10 s",
    "59 min 59 s",
    "1 h 5 min",
  ]);
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
