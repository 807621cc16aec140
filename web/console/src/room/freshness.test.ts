// @vitest-environment node
import { describe, expect, it } from "vitest";
import { QUIET_MS, freshness } from "./freshness.ts";

describe("how old the board is", () => {
  it("is said to be live only while the hub is heard", () => {
    expect(freshness({ kind: "live" }, 300, 0, null)).toMatchObject({ tone: "good", text: "Live" });
    expect(freshness({ kind: "live" }, QUIET_MS + 2_000, 0, null)).toMatchObject({
      tone: "warning",
      text: "Nothing heard · as of 9 s ago",
    });
  });

  it("counts the seconds while it reconnects, and says when it tries next", () => {
    expect(freshness({ kind: "waiting", until: 25_000 }, 12_000, 5_000, null)).toMatchObject({
      tone: "warning",
      text: "Reconnecting… · as of 12 s ago",
      detail: "The next try is in 20 s. Nothing is lost meanwhile.",
    });
    expect(freshness({ kind: "connecting" }, 3_000, 0, null).text).toBe("Reconnecting… · as of 3 s ago");
  });

  it("claims no age before anything was heard", () => {
    expect(freshness({ kind: "connecting" }, null, 0, null).text).toBe("Connecting…");
    expect(freshness({ kind: "waiting", until: 0 }, null, 0, null).text).toBe("No connection");
  });

  it("says since when presence comes late, and that the rest does not", () => {
    const found = freshness({ kind: "live" }, 100, 0, 1_000);
    expect(found.tone).toBe("warning");
    expect(found.text).toMatch(/^Live · presence late since /);
    expect(found.detail).toContain("Flags, statuses and scores are live");
  });

  it("says why it is over", () => {
    expect(freshness({ kind: "over", code: 4401, detail: "" }, 60_000, 0, null)).toMatchObject({
      tone: "critical",
      text: "Not live · as of 1 min ago",
      detail: "You are signed out.",
    });
  });
});
