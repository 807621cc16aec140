import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { type Mounted, mount, settle } from "../../../testing/mount.tsx";

const BINS = [
  { from: 0, to: 50, count: 1 },
  { from: 50, to: 100, count: 3 },
];

let observed: { resize: () => void; isConnected: boolean }[] = [];

/** Reports a new size when a test says so; happy-dom's never does. */
class FakeResizeObserver {
  private readonly entry: (typeof observed)[number];

  constructor(resize: () => void) {
    this.entry = { resize, isConnected: false };
    observed.push(this.entry);
  }

  observe(): void {
    this.entry.isConnected = true;
  }

  disconnect(): void {
    this.entry.isConnected = false;
  }
}

beforeAll(() => {
  // What uPlot uses and happy-dom does not have: the pixel ratio, paths, and a canvas that is drawn on.
  vi.stubGlobal("matchMedia", () => ({ addEventListener: () => undefined, removeEventListener: () => undefined }));
  vi.stubGlobal("ResizeObserver", FakeResizeObserver);
  const draw = new Proxy({}, { get: () => () => ({ width: 0 }), set: () => true });
  vi.stubGlobal("Path2D", function Path2D() {
    return draw;
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(draw as never);
});
beforeEach(() => {
  observed = [];
});
afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

async function show(bins: typeof BINS): Promise<Mounted> {
  const { Histogram } = await import("./histogram.tsx");
  return mount(<Histogram title="Scores" about="Of all." bins={bins} edge={(value) => `${value} %`} />);
}

it("has the same numbers in a table and in a sentence", async () => {
  const page = await show(BINS);
  const rows = [...page.host.querySelectorAll("tbody tr")].map((row) =>
    [...row.querySelectorAll("td")].map((cell) => cell.textContent),
  );
  expect(rows).toEqual([
    ["0 %", "50 %", "1"],
    ["50 %", "100 %", "3"],
  ]);
  expect(page.text()).toContain("4 attempts. The largest group, 3, is from 50 % to 100 %.");
  const figure = page.host.querySelector("figure");
  expect(page.host.querySelector(`[id="${figure?.getAttribute("aria-labelledby")}"]`)?.textContent).toBe("Scores");
  page.unmount();
});

it("fits the plot to its place, and removes it with the page", async () => {
  const page = await show(BINS);
  const place = page.host.querySelector(".c-plot") as HTMLElement;
  const width = (): string | undefined => place.querySelector<HTMLElement>(".u-wrap")?.style.width;
  vi.spyOn(place, "clientWidth", "get").mockReturnValue(640);
  observed[0]?.resize();
  await settle();
  expect(width()).toBe("640px");
  page.unmount();
  expect(observed.map(({ isConnected }) => isConnected)).toEqual([false]);
  expect(place.querySelector(".uplot")).toBeNull();
});

it("says that there is no data instead of an empty plot", async () => {
  const page = await show(BINS.map((bin) => ({ ...bin, count: 0 })));
  expect(page.text()).toBe("ScoresOf all.No data yet");
  expect(observed).toEqual([]);
  page.unmount();
});
