import { Problem } from "@veritas/shared/api.ts";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../state.ts";
import { mount } from "../testing/mount.tsx";
import { SignInPage } from "./sign-in-page.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("signs in, and says when the password is wrong", async () => {
  const login = vi.spyOn(api, "login").mockRejectedValue(new Problem(401, "unauthenticated", "Wrong", ""));
  const page = await mount(<SignInPage />);
  expect(document.title).toBe("Sign in · Veritas");
  await page.type("Username", " grace ");
  await page.type("Password", "secret");
  await page.submit();
  expect(login.mock.calls[0]).toEqual(["grace", "secret", null, expect.any(AbortSignal)]);
  expect(page.text()).toContain("The username or the password is wrong.");
  page.unmount();
});

it("asks for a code when the account has a second factor", async () => {
  const login = vi
    .spyOn(api, "login")
    .mockRejectedValueOnce(new Problem(401, "totp_required", "A code is needed", "Enter the code."))
    .mockRejectedValueOnce(new Problem(401, "totp_wrong", "Wrong", "This code is not valid."));
  const page = await mount(<SignInPage />);
  await page.type("Username", "grace");
  await page.type("Password", "secret");
  await page.submit();
  expect(page.text()).not.toContain("not valid");
  expect(document.activeElement).toBe(page.field("Code"));
  await page.type("Code", " 287082 ");
  await page.submit();
  expect(login.mock.calls).toEqual([
    ["grace", "secret", null, expect.any(AbortSignal)],
    ["grace", "secret", "287082", expect.any(AbortSignal)],
  ]);
  expect(page.text()).toContain("This code is not valid.");
  page.unmount();
});

it("waits for a place by itself, and stops when the user wants", async () => {
  vi.useFakeTimers();
  const busy = new Problem(503, "busy", "Busy", "Many users are signing in.", [], 5_000);
  const login = vi.spyOn(api, "login").mockRejectedValue(busy);
  const page = await mount(<SignInPage />);
  await page.type("Username", "grace");
  await page.type("Password", "secret");
  await page.submit();
  expect(page.text()).toContain("Many people are signing in right now.");
  expect(page.text()).toMatch(/Trying again in [567] s\./);
  await vi.advanceTimersByTimeAsync(8_000);
  expect(login).toHaveBeenCalledTimes(2);
  await page.click("Stop trying");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(login).toHaveBeenCalledTimes(2);
  expect(page.text()).not.toContain("signing in");
  page.unmount();
  vi.useRealTimers();
});
