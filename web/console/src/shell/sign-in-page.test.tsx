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
  expect(login.mock.calls[0]).toEqual(["grace", "secret"]);
  expect(page.text()).toContain("The username or the password is wrong.");
  page.unmount();
});
