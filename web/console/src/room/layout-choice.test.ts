import { afterEach, expect, it, vi } from "vitest";
import { defaultLayout, readLayout, storeLayout } from "./layout-choice.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  localStorage.clear();
});

it("is a table for large rooms, unless the user has chosen", () => {
  expect([defaultLayout(60), defaultLayout(61), readLayout()]).toEqual(["tiles", "table", null]);
  storeLayout("tiles");
  expect(readLayout()).toBe("tiles");
  localStorage.setItem("veritas.console.view", "list");
  expect(readLayout()).toBeNull();
});

it("works without storage", () => {
  const deny = (): never => {
    throw new Error("denied");
  };
  vi.stubGlobal("localStorage", { getItem: deny, setItem: deny });
  storeLayout("table");
  expect(readLayout()).toBeNull();
});
