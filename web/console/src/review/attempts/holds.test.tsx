import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { ATTEMPT, page as pageOf } from "../../testing/data.ts";
import { mount, respond } from "../../testing/mount.tsx";
import { Holds } from "./holds.tsx";

const HOLD = {
  hold_id: "h",
  attempt_id: "a",
  reason: "an appeal",
  until: null,
  placed_at: 0,
  placed_by: "root",
  released_at: null,
};

afterEach(() => {
  vi.restoreAllMocks();
});

it("holds the data of an attempt, with a reason", async () => {
  const get = respond({ "/admin/holds": pageOf() });
  const post = vi.spyOn(api, "post").mockResolvedValue(HOLD);
  const page = await mount(<Holds attempt={ATTEMPT} />);
  expect(get.mock.calls[0]).toEqual(["/admin/holds", { attempt_id: "a" }]);
  await page.click("Hold the data");
  expect(page.button("Hold").disabled).toBe(true);
  await page.type("Reason", " an appeal ");
  await page.submit();
  expect(post.mock.calls).toEqual([["/admin/holds", { attempt_id: "a", reason: "an appeal" }]]);
  expect(get.mock.calls).toHaveLength(2);
  page.unmount();
});

it("shows holds, and releases one", async () => {
  respond({ "/admin/holds": pageOf(HOLD) });
  const remove = vi.spyOn(api, "delete").mockResolvedValue(HOLD);
  const page = await mount(<Holds attempt={ATTEMPT} />);
  expect(page.text()).toContain("an appeal");
  await page.click("Release");
  expect(remove.mock.calls).toEqual([["/admin/holds/h"]]);
  page.unmount();
});

it("offers no hold once the events are deleted", async () => {
  respond({ "/admin/holds": pageOf() });
  const page = await mount(<Holds attempt={{ ...ATTEMPT, events_deleted_at: 1 }} />);
  expect(() => page.button("Hold the data")).toThrow();
  page.unmount();
});
