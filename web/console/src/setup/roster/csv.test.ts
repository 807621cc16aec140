import { describe, expect, it } from "vitest";
import { writeCsvLine } from "./csv.ts";

describe("CSV", () => {
  it("is written with quotes where a cell needs them", () => {
    expect(writeCsvLine(['say "hi"', "a,b", "line\nend", "plain"])).toBe('"say ""hi""","a,b","line\nend",plain');
  });

  it("is written without formulas", () => {
    expect(writeCsvLine(["=1+1", "+x", "-y", "@z", "ok"])).toBe("'=1+1,'+x,'-y,'@z,ok");
  });
});
