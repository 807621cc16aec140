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

it("defuses a formula behind anything at which some spreadsheet splits or that it skips", () => {
  const cells = [" =1", "\t=1", "\uFEFF=1", "＝1", "a;=1", "a\t@b", 'x;"-1', "\tname", "\rname"];
  expect(cells.map((cell) => writeCsvLine([cell]))).toEqual([
    "' =1",
    "\"'\t'=1\"",
    "'\uFEFF=1",
    "'＝1",
    '"a;\'=1"',
    '"a\t\'@b"',
    '"x;\'""-1"',
    '"\'\tname"',
    '"\'\rname"',
  ]);
});

it("leaves signs inside a name alone", () => {
  expect(writeCsvLine(["Jean-Luc", "a+b@c", "O'Neil"])).toBe("Jean-Luc,a+b@c,O'Neil");
});
