import { describe, expect, it } from "vitest";
import type { TimelineEvent } from "../../rest/types.ts";
import { describeRun, type Run, runsOf } from "./runs.ts";

let seq = 0;
const event = (event_type: string, data: Record<string, unknown> = {}, flags: string[] = []): TimelineEvent => ({
  stream_id: "s",
  seq: ++seq,
  event_type,
  kind: "client",
  at: 1_000 * seq,
  server_at: 1_000 * seq,
  rule_ms: null,
  severity: null,
  data,
  is_anomaly: flags.length > 0,
  flags,
});

describe("a timeline", () => {
  it("groups repeated neighbors with their numbers", () => {
    const runs = runsOf([
      event("typing", { chars: 5 }),
      event("eye_movement"),
      event("typing", { chars: 7 }),
      event("paste", { chars: 9 }),
    ]);
    expect(runs.map(describeRun)).toEqual([
      { title: "Writing", detail: "12 characters typed · 2 bursts of typing · 1 gaze sample" },
      { title: "Pasted text", detail: "9 characters" },
    ]);
  });

  it("describes events of a type that every object inherits", () => {
    const texts = runsOf([event("constructor"), event("constructor"), event("valueOf")]).map(describeRun);
    expect(JSON.stringify(texts)).toContain("Constructor");
    const repeated = { first: event("typing"), events: [event("constructor"), event("constructor")] };
    expect(describeRun({ ...runsOf([event("typing")])[0], ...repeated } as Run).detail).toBe("2 Constructor");
  });

  it("gives an event that a flag cites its own line", () => {
    const runs = runsOf([event("eye_movement"), event("eye_movement", {}, ["f"]), event("eye_movement")]);
    expect(runs.map((run) => run.events.length)).toEqual([1, 1, 1]);
  });

  it("keeps all events in their order", () => {
    const events = ["alive", "alive", "tab_hidden", "typing", "alive", "paste", "paste"].map((type) => event(type));
    expect(runsOf(events).flatMap((run) => run.events)).toEqual(events);
  });

  it("names quiet times and samples", () => {
    const titles = [
      ["alive", "alive"],
      ["eye_movement", "alive"],
    ].map((types) => {
      const [run] = runsOf(types.map((type) => event(type)));
      return run === undefined ? "" : describeRun(run).title;
    });
    expect(titles).toEqual(["Page was open", "Samples"]);
  });
});
