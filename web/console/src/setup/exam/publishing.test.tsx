import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { EXAM } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { Publishing } from "./publishing.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

it("publishes a draft", async () => {
  const post = vi.spyOn(api, "post").mockResolvedValue(undefined);
  let changes = 0;
  const page = await mount(<Publishing exam={{ ...EXAM, is_published: false }} onChange={() => (changes += 1)} />);
  await page.click("Publish");
  expect([post.mock.calls[0]?.[0], changes]).toEqual(["/exams/e/publish", 1]);
  page.unmount();
});

it("releases results, or takes the exam back to draft", async () => {
  const post = vi.spyOn(api, "post").mockResolvedValue(undefined);
  const page = await mount(<Publishing exam={EXAM} onChange={() => undefined} />);
  await page.click("Release results");
  await page.click("Back to draft");
  expect(post.mock.calls.map(([path]) => path)).toEqual(["/exams/e/release", "/exams/e/unpublish"]);
  page.unmount();
});

it("shows that results are released, and why a request failed", async () => {
  vi.spyOn(api, "post").mockRejectedValue(new Error("Attempts are running."));
  const page = await mount(<Publishing exam={{ ...EXAM, results_released_at: 1 }} onChange={() => undefined} />);
  expect(page.text()).toContain("Results released");
  await page.click("Back to draft");
  expect(page.text()).toContain("Attempts are running.");
  page.unmount();
});
