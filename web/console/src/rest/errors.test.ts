// @vitest-environment node
import { describe, expect, it } from "vitest";
import { Problem } from "@veritas/shared/api.ts";
import { refusal, wanted } from "./errors.ts";

const problem = (...errors: [path: string, message: string][]): Problem =>
  new Problem(
    400,
    "invalid",
    "The request does not fit",
    "",
    errors.map(([path, message]) => ({ path, message })),
  );

describe("a refusal", () => {
  it("goes to the field its path names, wherever the path begins", () => {
    const fields = ["rules.left_page.times", "rules.left_page.within_s"];
    const found = refusal(problem(["$.policy.rules.left_page.times", "expected int >= 2"]), fields);
    expect([...found.fields]).toEqual([["rules.left_page.times", "at least 2"]]);
    expect(found.general).toBeNull();
  });

  it("is told over the form when it is about no field of it", () => {
    const found = refusal(problem(["$.title", "too long"], ["$.policy.preset", "no such preset"]), ["title"]);
    expect([...found.fields]).toEqual([["title", "too long"]]);
    expect(found.general).toBe("policy.preset: no such preset");
  });

  it("takes what lies within a field for its own", () => {
    expect([...refusal(problem(["$.choices[1]", "empty"]), ["choices"]).fields]).toEqual([["choices", "empty"]]);
  });

  it("says in words what is wanted", () => {
    expect(wanted("Expected `str` of length >= 8")).toBe("at least 8 characters");
    expect(wanted("expected float <= 1.0")).toBe("at most 1.0");
    expect(wanted("there is no such rule")).toBe("there is no such rule");
  });

  it("tells any other error in words", () => {
    expect(refusal(new Error("no network"), ["title"])).toEqual({ general: "no network", fields: new Map() });
  });
});
