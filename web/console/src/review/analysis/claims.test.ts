import { describe, expect, it } from "vitest";
import { claimOf } from "./claims.ts";

describe("a claim of a model", () => {
  it("is a text, with or without cited events", () => {
    expect(claimOf("Plain.")).toEqual({ text: "Plain.", cited: 0 });
    expect(claimOf({ text: "Cites.", cited: [1, 2] })).toEqual({ text: "Cites.", cited: 2 });
    expect(claimOf({ text: "Cites nothing." })).toEqual({ text: "Cites nothing.", cited: 0 });
  });

  it("is shown as JSON in an unknown form", () => {
    expect(claimOf({ other: 1 })).toEqual({ text: '{"other":1}', cited: 0 });
    expect(claimOf(null)).toEqual({ text: "null", cited: 0 });
  });
});
