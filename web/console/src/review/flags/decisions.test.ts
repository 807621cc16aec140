import { Problem } from "@veritas/shared/api.ts";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { FlagView } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { conflictText, decideByRest, decidedText, decisionVerb, possibleDecisions, refusalOf } from "./decisions.ts";

describe("a decision", () => {
  it("is possible or reversible by the status of the flag", () => {
    expect(possibleDecisions("open")).toEqual(["confirmed", "dismissed", "escalated"]);
    expect(possibleDecisions("escalated")).toEqual(["confirmed", "dismissed"]);
    expect(possibleDecisions("withdrawn")).toEqual([]);
    expect([decisionVerb("dismissed", "confirmed"), decisionVerb("confirmed", "open")]).toEqual([
      "Dismiss instead",
      "Confirm",
    ]);
    expect(decidedText("confirmed", "Left the page")).toBe("Confirmed: Left the page.");
  });

  it("is refused with the reason", () => {
    expect(refusalOf({ outcomes: [{ attempt_id: "a", ok: true }], code: null, detail: null })).toBeNull();
    expect(refusalOf({ outcomes: [], code: "busy", detail: null })).toContain("busy");
    const conflict = { attempt_id: "a", ok: false, code: "conflict", by: "Grace" };
    expect(refusalOf({ outcomes: [conflict], code: null, detail: null })).toContain("Grace decided on this flag");
    expect(conflictText(null, null)).toContain("Another user");
  });
});

describe("a decision over REST", () => {
  const flag = { flag_id: "f", status: "open" } as const;
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("gives back the changed flag", async () => {
    const post = vi.spyOn(api, "post").mockResolvedValue({ flag_id: "f", status: "confirmed" });
    const changed: FlagView[] = [];
    expect(await decideByRest((view) => changed.push(view))(flag, "confirmed", "Seen.")).toBeNull();
    expect(changed).toHaveLength(1);
    expect(post.mock.calls[0]?.[1]).toMatchObject({ decision: "confirmed", seen: "open", reason: "Seen." });
  });

  it("names the reviewer who was first", async () => {
    const conflict = new Problem(409, "conflict", "Conflict", "", [], null, { by: "Grace", at: 0 });
    vi.spyOn(api, "post").mockRejectedValue(conflict);
    expect(await decideByRest(() => undefined)(flag, "confirmed", "Seen.")).toContain("Grace decided on this flag");
  });

  it("shows any other error", async () => {
    vi.spyOn(api, "post").mockRejectedValue(new Problem(403, "forbidden", "Forbidden", "You may not review."));
    expect(await decideByRest(() => undefined)(flag, "confirmed", "Seen.")).toBe("You may not review.");
  });
});
