import { Problem } from "@veritas/shared/api.ts";
import { click, mount, unmountAll } from "@veritas/shared/ui/testing.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { OwnData } from "./own-data.tsx";

const { api } = vi.hoisted(() => ({ api: { download: vi.fn() } }));
vi.mock("../login.ts", () => ({ api }));

beforeEach(() => {
  vi.resetAllMocks();
  vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: () => "blob:x", revokeObjectURL: () => undefined }));
});

afterEach(unmountAll);

test("the data are downloaded as a page or as JSON", async () => {
  api.download.mockResolvedValue(new Blob(["x"]));
  const saved: string[] = [];
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(this.download);
  });
  const root = mount(<OwnData />);
  click(root, "Download a page to read");
  await vi.waitFor(() => expect(saved).toEqual(["veritas-data.html"]));
  await vi.waitFor(() => expect(root.querySelector('[aria-busy="true"]')).toBeNull());
  click(root, "Download as JSON");
  await vi.waitFor(() => expect(saved).toEqual(["veritas-data.html", "veritas-data.json"]));
  expect(api.download).toHaveBeenLastCalledWith("/student/me/data", { query: { format: "json" } });
});

test("a download that fails says why", async () => {
  api.download.mockRejectedValue(new Problem(503, "busy", "Busy", "The service is busy. Try again in a moment."));
  const root = mount(<OwnData />);
  click(root, "Download as JSON");
  await vi.waitFor(() => expect(root.querySelector('[role="alert"]')?.textContent).toContain("The service is busy."));
});
