import { beforeEach, expect, test } from "vitest";
import { deviceStorage, safeStorage, storesValues, tabStorage } from "./storage.ts";

const blocked = safeStorage(() => {
  throw new DOMException("blocked", "SecurityError");
});

beforeEach(() => {
  sessionStorage.clear();
  localStorage.clear();
});

test.each([
  [tabStorage, () => sessionStorage],
  [deviceStorage, () => localStorage],
])("a value is stored until it is removed", (storage, real) => {
  storage.set("a", "1");
  expect([storage.get("a"), real().getItem("a")]).toEqual(["1", "1"]);
  storage.remove("a");
  expect(storage.get("a")).toBeNull();
  expect([storesValues(storage), real().length]).toEqual([true, 0]);
});

test("a browser that blocks storage stores nothing, and nothing throws", () => {
  blocked.set("a", "1");
  blocked.remove("a");
  expect([blocked.get("a"), storesValues(blocked)]).toEqual([null, false]);
});

test("a storage that is full does not work, and nothing throws", () => {
  const full = safeStorage(
    () =>
      ({
        getItem: () => null,
        setItem: () => {
          throw new DOMException("full", "QuotaExceededError");
        },
      }) as unknown as Storage,
  );
  full.set("a", "1");
  expect(storesValues(full)).toBe(false);
});
