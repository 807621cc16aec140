import { Problem } from "@veritas/shared/api.ts";
import { afterEach, expect, it, vi } from "vitest";
import type { SecondFactorView, SessionView } from "../rest/types.ts";
import { api, login } from "../state.ts";
import { mount } from "../testing/mount.tsx";
import { AccountPage } from "./account-page.tsx";
import { draw } from "./qr-code.tsx";

const session = (id: string, changes: Partial<SessionView> = {}): SessionView => ({
  session_id: id,
  exam_id: null,
  opened_at: 1_800_000_000_000,
  last_used_at: 1_800_000_100_000,
  ends_at: 1_800_043_200_000,
  agent: "Firefox on Linux",
  is_current: false,
  is_same_network: false,
  ...changes,
});

const SESSIONS = [session("a", { is_current: true }), session("b", { agent: "Chrome on Android" })];
const OFF: SecondFactorView = { is_active: false, recovery_codes_left: 0, is_required: false };

function serve(factor: SecondFactorView = OFF): void {
  vi.spyOn(api, "get").mockImplementation(
    (path) => Promise.resolve(path === "/auth/sessions" ? SESSIONS : factor) as Promise<never>,
  );
  vi.spyOn(login, "resume").mockResolvedValue();
}

afterEach(() => {
  vi.restoreAllMocks();
});

it("shows where the user is signed in, and ends a session elsewhere", async () => {
  serve();
  const end = vi.spyOn(api, "delete").mockResolvedValue(undefined);
  const page = await mount(<AccountPage />);
  expect(page.text()).toContain("Firefox on Linux this device");
  expect(page.text()).toContain("Chrome on Android");
  const ends = [...page.host.querySelectorAll("button")].filter((button) => button.textContent === "End");
  expect(ends).toHaveLength(1);
  await page.click(ends[0]?.getAttribute("aria-label") ?? "");
  expect(end).toHaveBeenCalledWith("/auth/sessions/b");
  page.unmount();
});

it("signs out everywhere else", async () => {
  serve();
  const post = vi.spyOn(api, "post").mockResolvedValue({ ended: 1 });
  const page = await mount(<AccountPage />);
  await page.click("Sign out everywhere else");
  expect(post).toHaveBeenCalledWith("/auth/sessions/end-others", {});
  page.unmount();
});

it("says beside the field why a new password is refused", async () => {
  serve();
  const fault = { path: "$.new_password", message: "must not contain your username" };
  vi.spyOn(api, "post").mockRejectedValue(new Problem(400, "invalid", "", "", [fault]));
  const page = await mount(<AccountPage />);
  await page.type("Current password", "correct horse 7");
  await page.type("New password", "I am Grace");
  await page.click("Change password");
  page.host.querySelectorAll("form")[1]?.requestSubmit();
  await vi.waitFor(() => expect(page.text()).toContain("must not contain your username"));
  page.unmount();
});

it("sets up a second factor: password, code from the app, recovery codes", async () => {
  serve();
  const post = vi
    .spyOn(api, "post")
    .mockResolvedValueOnce({ secret: "GEZDGNBV", uri: "otpauth://totp/Veritas:grace?secret=GEZDGNBV&issuer=Veritas" })
    .mockResolvedValueOnce({ recovery_codes: ["7K2M-9QXA-04RT-B6WE"] });
  const page = await mount(<AccountPage />);
  await page.type("Password", "correct horse 7");
  await page.submit();
  expect(post).toHaveBeenLastCalledWith("/auth/totp", { password: "correct horse 7" });
  expect(page.text()).toContain("GEZDGNBV");
  expect(page.host.querySelector("svg[role=img]")?.getAttribute("aria-label")).toBe(
    "QR code for your authenticator app",
  );
  await page.type("Code from the app", "287082");
  await page.submit();
  expect(post).toHaveBeenLastCalledWith("/auth/totp/confirm", { code: "287082" });
  expect(page.text()).toContain("7K2M-9QXA-04RT-B6WE");
  await page.click("I have stored them");
  expect(page.text()).not.toContain("7K2M-9QXA-04RT-B6WE");
  page.unmount();
});

it("removes a second factor with password and code", async () => {
  serve({ is_active: true, recovery_codes_left: 9, is_required: false });
  const post = vi.spyOn(api, "post").mockResolvedValue(undefined);
  const page = await mount(<AccountPage />);
  expect(page.text()).toContain("You have 9 recovery codes left.");
  await page.type("Password", "correct horse 7");
  await page.type("Code, or a recovery code", "287082");
  await page.submit();
  expect(post).toHaveBeenCalledWith("/auth/totp/remove", { password: "correct horse 7", code: "287082" });
  page.unmount();
});

it("draws a QR code with its finder patterns and a quiet zone", () => {
  const { side, path } = draw("otpauth://totp/Veritas:grace?secret=GEZDGNBV");
  expect((side - 8 - 17) % 4).toBe(0);
  expect(path.startsWith("M4 4h1v1h-1zM5 4h1v1h-1z")).toBe(true);
  expect(path).not.toContain("M3 ");
});
