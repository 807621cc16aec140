import { act } from "preact/test-utils";
import { afterEach, expect, it, vi } from "vitest";
import { api } from "../../state.ts";
import { FLAG, MONITORING } from "../../testing/data.ts";
import { mount, respond, settle } from "../../testing/mount.tsx";
import { Timeline } from "./timeline.tsx";

afterEach(() => {
  vi.restoreAllMocks();
});

const event = (seq: number, type: string, some: object = {}): object => ({
  stream_id: "st",
  seq,
  event_type: type,
  kind: "client",
  at: seq * 1_000,
  server_at: seq * 1_000,
  data: {},
  is_anomaly: false,
  flags: [],
  ...some,
});

it("shows events with the flags that cite them, and groups repeated ones", async () => {
  const events = [
    event(1, "attempt_started", { kind: "system" }),
    event(2, "typing", { data: { chars: 5 } }),
    event(3, "typing", { data: { chars: 7 } }),
    event(4, "tab_hidden", { is_anomaly: true, flags: [FLAG.flag_id] }),
  ];
  respond({ "/teacher/attempts/a/monitoring": { ...MONITORING, events_timeline: events } });
  const page = await mount(<Timeline attemptId="a" />);
  const lines = [...page.host.querySelectorAll(".c-event")].map((line) => line.textContent ?? "");
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain("Startedby the server");
  expect(lines[1]).toContain("Writing · 12 characters typed · 2 bursts of typing");
  expect(lines[2]).toContain("WarningLeft the page");
  expect(page.text()).toContain("26 events in total");
  page.unmount();
});

it("fetches one kind of event, and the next page", async () => {
  const get = respond({ "/teacher/attempts/a/monitoring": { ...MONITORING, next: "9" } });
  const page = await mount(<Timeline attemptId="a" />);
  await page.click("Show more");
  expect(get.mock.lastCall?.[1]).toMatchObject({ after: "9" });
  await page.type("Show", "anomalies");
  expect(get.mock.lastCall?.[1]).toMatchObject({ after: null, anomalies: true });
  page.unmount();
});

it("shows why it was not loaded, and tries again", async () => {
  vi.spyOn(api, "get").mockRejectedValueOnce(new Error("The server cannot be reached."));
  const page = await mount(<Timeline attemptId="a" />);
  expect(page.text()).toContain("The server cannot be reached.");
  respond({ "/teacher/attempts/a/monitoring": MONITORING });
  await act(() => page.button("Try again").click());
  await settle();
  expect(page.text()).toContain("No events of this kind");
  page.unmount();
});
