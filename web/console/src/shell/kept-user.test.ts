import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import { keepUser } from "./kept-user.ts";

const user = (id: string) => ({ id, username: id, name: id, role: "teacher" });

it("keeps the user when the session ends, and lets requests go on when the same user is back", async () => {
  const now = signal<ReturnType<typeof user> | null>(user("grace"));
  const kept = keepUser({ user: now });
  now.value = null;
  expect(kept.user.value?.id).toBe("grace");
  const waits = [kept.signInAgain(), kept.signInAgain()];
  now.value = user("grace");
  expect(await Promise.all(waits)).toEqual([true, true]);
});

it("refuses the requests of a user when another one signs in", async () => {
  const now = signal<ReturnType<typeof user> | null>(user("grace"));
  const kept = keepUser({ user: now });
  now.value = null;
  const wait = kept.signInAgain();
  now.value = user("ada");
  expect([await wait, kept.user.value?.id]).toEqual([false, "ada"]);
});

it("refuses the requests of a user who leaves, and those without a user", async () => {
  const now = signal<ReturnType<typeof user> | null>(user("grace"));
  const kept = keepUser({ user: now });
  now.value = null;
  const wait = kept.signInAgain();
  kept.forget();
  expect([await wait, await kept.signInAgain(), kept.user.value]).toEqual([false, false, null]);
});
