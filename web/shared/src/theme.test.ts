import { beforeEach, expect, test, vi } from "vitest";
import { chooseTheme, shown, startTheme, theme } from "./theme.ts";

let isDark = false;
let systemChanged = () => {};

beforeEach(() => {
  localStorage.clear();
  isDark = false;
  vi.stubGlobal("matchMedia", () => ({
    matches: isDark,
    addEventListener: (_: string, listener: () => void) => (systemChanged = listener),
  }));
});

test("without a choice the theme follows the system", () => {
  startTheme();
  expect([theme.value, shown.value]).toEqual(["auto", "light"]);
  isDark = true;
  systemChanged();
  expect(document.documentElement.dataset.theme).toBe("dark");
});

test("a choice is stored and restored, until the user follows the system again", () => {
  chooseTheme("dark");
  expect([shown.value, localStorage.getItem("veritas.theme")]).toEqual(["dark", "dark"]);
  startTheme();
  expect(theme.value).toBe("dark");
  chooseTheme("auto");
  expect([shown.value, localStorage.getItem("veritas.theme")]).toEqual(["light", null]);
});

test("without storage the choice counts for this page", () => {
  const denied = () => {
    throw new Error("denied");
  };
  vi.stubGlobal("localStorage", { getItem: denied, setItem: denied, removeItem: denied });
  startTheme();
  chooseTheme("dark");
  expect(shown.value).toBe("dark");
  vi.unstubAllGlobals();
});
