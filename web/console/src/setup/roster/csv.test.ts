// @vitest-environment node
import { describe, expect, it } from "vitest";
import { readCsv, readRoster, writeCsvLine } from "./csv.ts";

describe("reading a roster", () => {
  it("takes a header in any order, and columns it does not know", () => {
    const { entries, faults } = readRoster("Name,Seat,Username,E-Mail\nAda Example,4,ada,ada@school.example\n");
    expect(faults).toEqual([]);
    expect(entries).toEqual([{ username: "ada", name: "Ada Example", email: "ada@school.example" }]);
  });

  it("takes username, name, e-mail where there is no header", () => {
    expect(readRoster("ada, Ada Example\nben,Ben Example,ben@x.example").entries).toEqual([
      { username: "ada", name: "Ada Example" },
      { username: "ben", name: "Ben Example", email: "ben@x.example" },
    ]);
  });

  it("takes what a spreadsheet copies, and what semicolons separate", () => {
    expect(readRoster("username\tname\r\nada\tAda\r\n").entries).toEqual([{ username: "ada", name: "Ada" }]);
    expect(readRoster("username;name\nada;Example, Ada").entries).toEqual([{ username: "ada", name: "Example, Ada" }]);
  });

  it("names every bad row by its line and field", () => {
    const { entries, faults } = readRoster(
      "username,name,email\nada,Ada\n\n,Ben\na b,Cy\nADA,Ada Again\ndi,\neve,Eve,nope\n",
    );
    expect(entries).toEqual([{ username: "ada", name: "Ada" }]);
    expect(faults.map(({ row, field }) => `${row} ${field}`)).toEqual([
      "4 username",
      "5 username",
      "6 username",
      "7 name",
      "8 email",
    ]);
    expect(faults[2]?.message).toContain("row 2");
  });

  it("says which column a header lacks", () => {
    expect(readRoster("username,mail\nada,a@b").faults).toEqual([
      { row: 1, field: "header", message: "there is no column “name”" },
    ]);
  });

  it("is quiet about nothing", () => {
    expect(readRoster("  \n\n")).toEqual({ entries: [], faults: [] });
  });
});

describe("CSV", () => {
  it("reads quotes, doubled quotes, line ends within cells, and counts lines as a person does", () => {
    expect(readCsv('a,"b ""x"", y"\r\n"two\nlines",c\n\nd,e')).toEqual([
      { line: 1, cells: ["a", 'b "x", y'] },
      { line: 2, cells: ["two\nlines", "c"] },
      { line: 5, cells: ["d", "e"] },
    ]);
  });

  it("reads back what it writes", () => {
    const cells = ['say "hi"', "a,b", "line\nend", "plain"];
    expect(readCsv(writeCsvLine(cells))[0]?.cells).toEqual(cells);
  });

  it("writes nothing a spreadsheet would compute with", () => {
    expect(writeCsvLine(["=1+1", "+x", "-y", "@z", "ok"])).toBe("'=1+1,'+x,'-y,'@z,ok");
  });

  it("skips a byte order mark", () => {
    expect(readCsv("\uFEFFusername,name")[0]?.cells).toEqual(["username", "name"]);
  });
});
