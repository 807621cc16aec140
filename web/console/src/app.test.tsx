import { go } from "@veritas/shared/route.ts";
import { clock } from "@veritas/shared/time.ts";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { App } from "./app.tsx";
import { api, forget } from "./state.ts";
import { page as pageOf } from "./testing/data.ts";
import { type Mounted, mount, respond, settle } from "./testing/mount.tsx";

function signedIn(role: string): Response {
  const user = { id: "u", username: "grace", name: "Grace", role };
  return Response.json({ access_token: "t", expires_at: clock.now() + 900_000, user, exam_id: null });
}

async function open(response: () => Promise<Response>, address: string): Promise<Mounted> {
  vi.spyOn(api as unknown as { send: typeof fetch }, "send").mockImplementation(response);
  go(address, { replace: true });
  const page = await mount(<App />);
  for (let turn = 0; turn < 5; turn += 1) await settle();
  return page;
}

beforeEach(() => {
  // uPlot uses the pixel ratio when it is loaded; happy-dom does not have it.
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
});
afterEach(async () => {
  await api.logout();
  forget();
  vi.restoreAllMocks();
});

it("shows the page of the address to a teacher, with links for their role", async () => {
  respond({ "/exams": pageOf() });
  const page = await open(async () => signedIn("teacher"), "/console/exams");
  expect(page.host.querySelector("h1")?.textContent).toBe("Exams");
  expect(page.button("Exams").getAttribute("aria-current")).toBe("page");
  expect(() => page.button("Users")).toThrow();
  page.unmount();
});

it("has more links for an administrator, and says that a page does not exist", async () => {
  const page = await open(async () => signedIn("admin"), "/console/nothing");
  expect(page.button("Users")).toBeDefined();
  expect(page.text()).toContain("Page not found");
  page.unmount();
});

it("sends students to the exam page", async () => {
  const page = await open(async () => signedIn("student"), "/console");
  expect(page.text()).toContain("This console is for teachers");
  page.unmount();
});

/** Open the account page, and return a switch for the session of its user. */
async function openAccount(): Promise<{ page: Mounted; session: { hasEnded: boolean } }> {
  const session = { hasEnded: false };
  const off = { is_active: false, recovery_codes_left: 0, is_required: false };
  respond({ "/auth/sessions": [], "/auth/": off });
  const page = await open(
    async () => (session.hasEnded ? Response.json({ code: "unauthenticated" }, { status: 401 }) : signedIn("teacher")),
    "/console/account",
  );
  return { page, session };
}

it("asks a user whose session has ended to sign in again, and keeps the page", async () => {
  const { page, session } = await openAccount();
  await page.type("New password", "typed before");
  session.hasEnded = true;
  const waiting = api.post("/exams", {});
  await vi.waitFor(() => expect(page.text()).toContain("Your session has ended."));
  expect(page.field("Username").value).toBe("grace");
  session.hasEnded = false;
  await page.type("Password", "secret");
  const form = page.host.querySelector("dialog form");
  form?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  await waiting;
  await vi.waitFor(() => expect(page.text()).not.toContain("Your session has ended."));
  expect(page.field("New password").value).toBe("typed before");
  page.unmount();
});

it("shows the sign-in page to a user who leaves after the session has ended", async () => {
  const { page, session } = await openAccount();
  session.hasEnded = true;
  const refused = api.post("/exams", {}).catch((error: unknown) => error);
  await vi.waitFor(() => expect(page.text()).toContain("Your session has ended."));
  await page.click("Sign out instead");
  expect(await refused).toMatchObject({ status: 401 });
  await vi.waitFor(() => expect(page.text()).toContain("This is the console for teachers."));
  expect(page.host.querySelector("dialog")).toBeNull();
  page.unmount();
});
