import { go } from "@veritas/shared/route.ts";
import { clock } from "@veritas/shared/time.ts";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { App } from "./app.tsx";
import { api } from "./state.ts";
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
