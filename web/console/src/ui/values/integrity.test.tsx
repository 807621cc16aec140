import { render } from "preact";
import { expect, it } from "vitest";
import { Integrity } from "./integrity.tsx";

function textOf(...[props]: Parameters<typeof Integrity>): string {
  const host = document.createElement("div");
  render(<Integrity {...props} />, host);
  return host.textContent ?? "";
}

it("shows the level of a score, and how much is covered", () => {
  expect(textOf({ score: 0.9, coverage: 0.8 })).toBe("90 % · good80 % covered");
  expect(textOf({ score: 0.5, coverage: 1, form: "table" })).toBe("50 %100 % covered");
});

it("leaves out a full coverage in a tile", () => {
  expect(textOf({ score: 0.5, coverage: 1, form: "tile" })).toBe("50 %integrity");
  expect(textOf({ score: 0.5, coverage: 0.6, form: "tile" })).toBe("50 %integrity, 60 % covered");
});

it("shows no number when too little is covered", () => {
  expect(textOf({ score: null, coverage: 0.2 })).toBe("only 20 % covered");
  expect(textOf({ score: null })).toBe("not enough covered");
});
