import { describe, expect, it } from "vitest";
import { Problem } from "@veritas/shared/api.ts";
import { formErrors, limitText } from "./errors.ts";

const problem = (...errors: [path: string, message: string][]): Problem =>
  new Problem(
    400,
    "invalid",
    "The request does not fit",
    "",
    errors.map(([path, message]) => ({ path, message })),
  );

describe("the errors of a form", () => {
  it("are sorted to the field that the path ends with", () => {
    const fields = ["rules.left_page.times", "rules.left_page.within_s"];
    const found = formErrors(problem(["$.policy.rules.left_page.times", "expected int >= 2"]), fields);
    expect([...found.fields]).toEqual([["rules.left_page.times", "at least 2"]]);
    expect(found.general).toBeNull();
  });

  it("are general if they belong to no field", () => {
    const found = formErrors(problem(["$.title", "too long"], ["$.policy.preset", "no such preset"]), ["title"]);
    expect([...found.fields]).toEqual([["title", "too long"]]);
    expect(found.general).toBe("policy.preset: no such preset");
  });

  it("belong to a field if they are about a part of it", () => {
    expect([...formErrors(problem(["$.choices[1]", "empty"]), ["choices"]).fields]).toEqual([["choices", "empty"]]);
  });

  it("say which limit was broken", () => {
    expect(limitText("Expected `str` of length >= 8")).toBe("at least 8 characters");
    expect(limitText("expected float <= 1.0")).toBe("at most 1.0");
    expect(limitText("there is no such rule")).toBe("there is no such rule");
  });

  it("are general for any other error", () => {
    expect(formErrors(new Error("no network"), ["title"])).toEqual({ general: "no network", fields: new Map() });
  });
});
