import { expect, test } from "vitest";
import { nameCombination } from "./combinations.ts";

const press = (key: string, more: Partial<Record<"ctrlKey" | "metaKey" | "shiftKey" | "altKey", boolean>> = {}) =>
  nameCombination({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });

test("a few combinations are named, and no other key is", () => {
  expect(press("v", { ctrlKey: true })).toBe("paste");
  expect(press("P", { metaKey: true })).toBe("print");
  expect(press("I", { ctrlKey: true, shiftKey: true })).toBe("devtools");
  expect(press("F12")).toBe("devtools");
  for (const key of ["a", "v", "Enter", "Tab", "ArrowLeft"]) expect(press(key)).toBeNull();
  expect(press("v", { ctrlKey: true, altKey: true })).toBeNull();
});
