import { describe, expect, it } from "vitest";
import { readCsv, readRoster, writeCsvLine } from "./csv.ts";

describe("reading a roster", () => {
  it("accepts a header in any order, and unknown columns", () => {
    const { entries, errors } = readRoster("Name,Seat,Username,E-Mail\nAda Example,4,ada,ada@school.example\n");
    expect(errors).toEqual([]);
    expect(entries).toEqual([{ username: "ada", name: "Ada Example", email: "ada@school.example" }]);
  });

  it("reads username, name, e-mail without a header", () => {
    expect(readRoster("ada, Ada Example\nben,Ben Example,ben@x.example").entries).toEqual([
      { username: "ada", name: "Ada Example" },
      { username: "ben", name: "Ben Example", email: "ben@x.example" },
    ]);
  });

  it("accepts cells copied from a spreadsheet, and semicolons", () => {
    expect(readRoster("username\tname\r\nada\tAda\r\n").entries).toEqual([{ username: "ada", name: "Ada" }]);
    expect(readRoster("username;name\nada;Example, Ada").entries).toEqual([{ username: "ada", name: "Example, Ada" }]);
  });

  it("reports every wrong row by its line and field", () => {
    const { entries, errors } = readRoster(
      "username,name,email\nada,Ada\n\n,Ben\na b,Cy\nADA,Ada Again\ndi,\neve,Eve,nope\n",
    );
    expect(entries).toEqual([{ username: "ada", name: "Ada" }]);
    expect(errors.map(({ row, field }) => `${row} ${field}`)).toEqual([
      "4 username",
      "5 username",
      "6 username",
      "7 name",
      "8 email",
    ]);
    expect(errors[2]?.message).toContain("row 2");
  });

  it("reports a missing column", () => {
    expect(readRoster("username,mail\nada,a@b").errors).toEqual([
      { row: 1, field: "header", message: "the column “name” is missing" },
    ]);
  });

  it("reads nothing from an empty text", () => {
    expect(readRoster("  \n\n")).toEqual({ entries: [], errors: [] });
  });
});

describe("CSV", () => {
  it("reads quotes, doubled quotes and line ends in cells, and counts lines as an editor does", () => {
    expect(readCsv('a,"b ""x"", y"\r\n"two\nlines",c\n\nd,e')).toEqual([
      { line: 1, cells: ["a", 'b "x", y'] },
      { line: 2, cells: ["two\nlines", "c"] },
      { line: 5, cells: ["d", "e"] },
    ]);
  });

  it("is read back as it was written", () => {
    const cells = ['say "hi"', "a,b", "line\nend", "plain"];
    expect(readCsv(writeCsvLine(cells))[0]?.cells).toEqual(cells);
  });

  it("is written without formulas", () => {
    expect(writeCsvLine(["=1+1", "+x", "-y", "@z", "ok"])).toBe("'=1+1,'+x,'-y,'@z,ok");
  });

  it("is read without a byte order mark", () => {
    expect(readCsv("\uFEFFusername,name")[0]?.cells).toEqual(["username", "name"]);
  });

  it("accepts a quote after spaces, as people type it", () => {
    expect(readCsv('ada, "Example, Ada"')[0]?.cells).toEqual(["ada", "Example, Ada"]);
  });
});
