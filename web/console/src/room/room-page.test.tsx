import { FakeWebSocket } from "@veritas/shared/socket/testing.ts";
import { go } from "@veritas/shared/route.ts";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { flagRow } from "../board/testing.ts";
import { api, disconnect } from "../state.ts";
import { EXAM } from "../testing/data.ts";
import { type Mounted, mount, respond, settle } from "../testing/mount.tsx";
import { RoomPage } from "./room-page.tsx";

const STUDENTS = [
  { student_id: "s1", name: "Ada", on_roster: true },
  { student_id: "s2", name: "Ben", on_roster: true },
];
const SNAPSHOT = {
  t: "snapshot",
  exam_id: "e",
  epoch: "1-1",
  offset: 1,
  part: 1,
  parts: 1,
  exam: { exam_id: "e", title: "Mechanics", duration_minutes: 60 },
  students: STUDENTS,
  attempts: [{ ix: 1, attempt_id: "a1", student_id: "s1", status: "in_progress", deadline: null, completed_at: null }],
  scores: [],
  flags: [flagRow("f", "a1")],
  instructions: [],
};

const receive = (frame: object): void => FakeWebSocket.last.onmessage?.({ data: JSON.stringify(frame) });

/** Receive a frame, and wait until it is drawn. */
async function receiveAndDraw(frame: object): Promise<void> {
  await act(async () => {
    receive(frame);
    await vi.advanceTimersByTimeAsync(500);
  });
}

async function openRoom(snapshot: object): Promise<Mounted> {
  go("/console/exams/e", { replace: true });
  const page = await mount(<RoomPage examId="e" />);
  FakeWebSocket.last.readyState = FakeWebSocket.OPEN;
  FakeWebSocket.last.onopen?.();
  const times = { server_at: Date.now(), heartbeat_ms: 10_000, auth_until: Date.now() + 900_000 };
  receive({ t: "welcome", user_id: "u", name: "Grace", ...times });
  await receiveAndDraw(snapshot);
  return page;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"] });
  FakeWebSocket.reset();
  vi.stubGlobal("WebSocket", FakeWebSocket);
  vi.spyOn(api, "ticket").mockResolvedValue("ticket");
  respond({ "/exams/e": EXAM });
});
afterEach(() => {
  disconnect();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

it("shows the students of a snapshot, and the changes after it", async () => {
  const page = await openRoom(SNAPSHOT);
  expect(page.text()).toContain("2 students · 1 hour");
  expect(page.button("In progress 1")).toBeDefined();
  expect(page.host.querySelector(".c-latest-flags")?.textContent).toContain("Ada");
  await receiveAndDraw({
    t: "delta",
    exam_id: "e",
    offset: 2,
    kind: "student",
    body: { ...STUDENTS[1], name: "Benjamin" },
  });
  expect(page.button("Benjamin")).toBeDefined();
  page.unmount();
});

it("filters students, and shows all of them again", async () => {
  const page = await openRoom(SNAPSHOT);
  await page.type("Search students", "zoe");
  expect(page.text()).toContain("No student matches your search");
  await page.click("Show all");
  expect(page.button("Ada")).toBeDefined();
  page.unmount();
});

it("selects students for a message, and opens a student's drawer", async () => {
  const page = await openRoom(SNAPSHOT);
  page.host.querySelector<HTMLInputElement>(".c-select input")?.click();
  await settle();
  expect(page.button("Message 1 student")).toBeDefined();
  await page.click("Clear");
  expect(page.button("Message all")).toBeDefined();
  await page.click("Ada");
  expect(location.search).toBe("?student=s1");
  expect(page.text()).toContain("Flags (1)");
  page.unmount();
});

it("says that the exam has no students, or that the user has no access", async () => {
  const page = await openRoom({ ...SNAPSHOT, students: [], attempts: [], flags: [] });
  expect(page.text()).toContain("No students yet");
  await receiveAndDraw({ t: "error", code: "forbidden", detail: "no", exam_id: "e" });
  expect(page.text()).toContain("You do not have access to this exam");
  page.unmount();
});
