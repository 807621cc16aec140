import { signal } from "@preact/signals";
import { expect, it } from "vitest";
import { mount } from "../testing/mount.tsx";
import { Controls } from "./controls.tsx";
import type { Layout } from "./layout-choice.ts";
import type { Filter, Sorting } from "./rows/sorting.ts";

it("filters, searches, sorts and switches the layout", async () => {
  const filter = signal<Filter>("all");
  const query = signal("");
  const sorting = signal<Sorting>({ by: "attention", descending: true });
  const chosenLayout = signal<Layout | null>(null);
  const counts = { all: 3, attention: 1, in_progress: 2, offline: 0, not_started: 1, finished: 0 };
  const page = await mount(
    <Controls
      filter={filter}
      counts={counts}
      query={query}
      sorting={sorting}
      layout="tiles"
      chosenLayout={chosenLayout}
    />,
  );
  await page.click("Needs attention 1");
  await page.type("Search students", "ada");
  await page.type("Sort by", "name");
  await page.click("Table");
  expect([filter.value, query.value, sorting.value, chosenLayout.value]).toEqual([
    "attention",
    "ada",
    { by: "name", descending: false },
    "table",
  ]);
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "/", bubbles: true, cancelable: true }));
  expect(document.activeElement).toBe(page.field("Search students"));
  page.unmount();
});
