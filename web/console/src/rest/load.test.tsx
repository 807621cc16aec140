import type { JSX } from "preact";
import { act } from "preact/test-utils";
import { afterEach, describe, expect, it, vi } from "vitest";
import { api } from "../state.ts";
import { mount, respond, settle } from "../testing/mount.tsx";
import { type Loading, type Paged, useLoad, usePages } from "./load.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("fetched data", () => {
  let loading: Loading<string>;
  function Probe({ path }: { path: string | null }): JSX.Element {
    loading = useLoad<string>(path);
    return <p>{loading.state.value.data ?? "none"}</p>;
  }

  it("is shown when it is here, and stays while it is fetched again", async () => {
    respond({ "/a": "first" });
    const page = await mount(<Probe path="/a" />);
    expect(page.text()).toBe("first");
    vi.spyOn(api, "get").mockRejectedValue(new Error("away"));
    await act(() => loading.reload());
    await settle();
    expect(page.text()).toBe("first");
    expect(loading.state.value.error).toBeInstanceOf(Error);
    await act(() => loading.put("second"));
    expect(page.text()).toBe("second");
    page.unmount();
  });

  it("is not fetched without a path", async () => {
    const get = respond({});
    const page = await mount(<Probe path={null} />);
    expect(get).not.toHaveBeenCalled();
    expect(loading.state.value.loading).toBe(false);
    page.unmount();
  });
});

describe("a list", () => {
  it("is fetched page by page", async () => {
    let list: Paged<number> | undefined;
    function Probe(): JSX.Element {
      list = usePages<number>("/numbers");
      return <p>{list.items.join()}</p>;
    }
    vi.spyOn(api, "get").mockImplementation(async (_, query) =>
      query?.after === "2" ? ({ items: [3], next: null } as never) : ({ items: [1, 2], next: "2" } as never),
    );
    const page = await mount(<Probe />);
    expect(page.text()).toBe("1,2");
    await act(() => list?.more?.());
    await settle();
    expect(page.text()).toBe("1,2,3");
    expect(list?.more).toBeNull();
    page.unmount();
  });
});
