import { signal } from "@preact/signals";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Monitoring, TimelineEvent } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { FLAG, MONITORING } from "../../testing/data.ts";
import { type Mounted, mount, settle } from "../../testing/mount.tsx";
import { type TimelineLoad, useTimeline } from "./timeline-load.ts";

interface Request {
  readonly query: object | undefined;
  readonly respond: (page: Monitoring) => void;
  readonly fail: (error: Error) => void;
}

const kind = signal("all");
let requests: Request[];
let load: TimelineLoad;
let page: Mounted;

function Probe(): null {
  load = useTimeline("a", kind.value);
  return null;
}

const pageOf = (seq: number, next: string | null = null): Monitoring => ({
  ...MONITORING,
  events_timeline: [{ seq } as TimelineEvent],
  next,
});
const seqs = (): number[] => load.state.value.events.map((event) => event.seq);

async function ask(other: string): Promise<void> {
  await act(() => {
    kind.value = other;
  });
}

async function answer(at: number, page: Monitoring | Error): Promise<void> {
  if (page instanceof Error) requests[at]?.fail(page);
  else requests[at]?.respond(page);
  await settle();
}

beforeEach(async () => {
  kind.value = "all";
  requests = [];
  vi.spyOn(api, "get").mockImplementation(
    (_, query) =>
      new Promise((resolve, reject) => {
        requests.push({ query, respond: resolve as (page: Monitoring) => void, fail: reject });
      }),
  );
  page = await mount(<Probe />);
});
afterEach(() => {
  page.unmount();
  vi.restoreAllMocks();
});

it("adds further pages to the events", async () => {
  expect(load.state.value).toMatchObject({ events: [], total: null, loading: true });
  await answer(0, pageOf(1, "one"));
  expect(load.state.value).toMatchObject({ next: "one", total: 26, loading: false, error: null });
  expect(load.state.value.flags.get(FLAG.flag_id)).toEqual({ name: "Left the page", severity: "warning" });
  load.more();
  expect(requests[1]?.query).toMatchObject({ after: "one" });
  await answer(1, pageOf(2));
  expect([seqs(), load.state.value.next]).toEqual([[1, 2], null]);
});

it("asks for all events, for those that flags cite, or for one type", async () => {
  await ask("anomalies");
  await ask("copy");
  expect(requests.map(({ query }) => query)).toMatchObject([
    { after: null, anomalies: undefined, type: undefined },
    { after: null, anomalies: true, type: undefined },
    { after: null, anomalies: undefined, type: "copy" },
  ]);
});

it("ignores the answer to an earlier question", async () => {
  await ask("copy");
  await answer(1, pageOf(2));
  await answer(0, pageOf(1));
  expect(seqs()).toEqual([2]);
  load.reload();
  load.reload();
  await answer(2, new Error("away"));
  expect(load.state.value).toMatchObject({ loading: true, error: null });
});

it("keeps the events when a further page cannot be loaded, and tries again", async () => {
  await answer(0, pageOf(1, "one"));
  load.more();
  await answer(1, new Error("away"));
  expect([seqs(), load.state.value.error, load.state.value.loading]).toEqual([[1], new Error("away"), false]);
  load.more();
  expect(load.state.value.error).toBeNull();
  await answer(2, pageOf(2));
  expect(seqs()).toEqual([1, 2]);
});
