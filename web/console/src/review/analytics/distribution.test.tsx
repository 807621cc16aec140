import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { ANALYTICS } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";

beforeAll(() => {
  // uPlot uses the pixel ratio when it is loaded; happy-dom does not have it.
  vi.stubGlobal("matchMedia", () => ({ addEventListener: () => undefined, removeEventListener: () => undefined }));
});
afterAll(() => {
  vi.unstubAllGlobals();
});

it("counts labels, and says where there is no data", async () => {
  const { Distribution } = await import("./distribution.tsx");
  const page = await mount(<Distribution data={ANALYTICS} />);
  const labels = [...page.host.querySelectorAll(".c-risks > div")].map((row) => row.textContent);
  expect(labels).toEqual(["Safe1", "May have disengaged0", "May need support1", "May have copied0", "No label1"]);
  expect(page.text()).toContain("No data yet");
  page.unmount();
});
