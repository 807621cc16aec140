import { signal } from "@preact/signals";
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Sorting } from "../rows/sorting.ts";
import { roomOf } from "../rows/testing.ts";
import { StudentTable } from "./table.tsx";

describe("the table of students", () => {
  let host: HTMLElement;
  let visible: number;
  let opened: string[];
  const sorting = signal<Sorting>({ by: "name", descending: false });

  function show(size: number): void {
    const rows = roomOf(size);
    void act(() => {
      render(
        <StudentTable
          rows={rows}
          selected={new Set()}
          onSelect={() => undefined}
          onOpen={(id) => opened.push(id)}
          onVisible={(shown) => {
            visible = shown.length;
          }}
          sorting={sorting}
        />,
        host,
      );
    });
  }

  beforeEach(() => {
    host = document.createElement("div");
    document.body.append(host);
    opened = [];
    visible = 0;
  });
  afterEach(() => {
    render(null, host);
    host.remove();
  });

  it("draws only the visible rows of 180 students, with gaps that span no columns", () => {
    show(180);
    const gaps = [...host.querySelectorAll(".c-gap td")];
    expect(gaps).toHaveLength(1);
    expect(gaps.every((cell) => !cell.hasAttribute("colspan"))).toBe(true);
    expect(host.querySelectorAll(".c-line").length).toBeLessThan(180);
    expect(visible).toBe(host.querySelectorAll(".c-line").length);
    expect(host.querySelector("table")?.getAttribute("aria-rowcount")).toBe("181");
  });

  it("draws all rows of a small room, so that the browser's search finds them", () => {
    show(20);
    expect(host.querySelectorAll(".c-line")).toHaveLength(20);
    expect(host.querySelectorAll(".c-gap")).toHaveLength(0);
    expect(host.querySelectorAll(".c-latest")).toHaveLength(6);
  });

  it("opens a student by a click on the name or on the row", () => {
    show(3);
    host.querySelector<HTMLElement>("[data-student=s2]")?.click();
    host.querySelectorAll<HTMLElement>(".c-line")[2]?.click();
    expect(opened).toEqual(["s2", "s3"]);
  });

  it("sorts by a column, and reverses the order at the second click", () => {
    show(3);
    const [name, , , , , flags] = host.querySelectorAll<HTMLElement>(".c-sort");
    flags?.click();
    expect(sorting.value).toEqual({ by: "flags", descending: true });
    name?.click();
    name?.click();
    expect(sorting.value).toEqual({ by: "name", descending: true });
  });
});
