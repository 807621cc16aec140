import { describe, expect, it } from "vitest";
import { QUIET_MS, freshness } from "./freshness.ts";

describe("the freshness of the board", () => {
  it("is live only while frames are received", () => {
    expect(freshness({ kind: "live" }, 300, 0, null)).toMatchObject({ tone: "good", text: "Live" });
    expect(freshness({ kind: "live" }, QUIET_MS + 2_000, 0, null)).toMatchObject({
      tone: "warning",
      text: "No signal from the server · as of 9 s ago",
    });
  });

  it("counts the seconds while reconnecting, and names the next try", () => {
    expect(freshness({ kind: "waiting", until: 25_000 }, 12_000, 5_000, null)).toMatchObject({
      tone: "warning",
      text: "Reconnecting… · as of 12 s ago",
      detail: "The next attempt to connect is in 20 s. Nothing is lost.",
    });
    expect(freshness({ kind: "waiting", until: 5_500 }, 12_000, 5_000, null).detail).toBe("Nothing is lost.");
    expect(freshness({ kind: "connecting" }, 3_000, 0, null).text).toBe("Reconnecting… · as of 3 s ago");
  });

  it("shows no age before the first frame", () => {
    expect(freshness({ kind: "connecting" }, null, 0, null).text).toBe("Connecting…");
    expect(freshness({ kind: "waiting", until: 0 }, null, 0, null).text).toBe("No connection");
  });

  it("says since when presence is late, and that the rest is live", () => {
    const found = freshness({ kind: "live" }, 100, 0, 1_000);
    expect(found.tone).toBe("warning");
    expect(found.text).toMatch(/^Live · connection states late since /);
    expect(found.detail).toContain("Flags, statuses and scores are live");
  });

  it("says why the connection ended", () => {
    expect(freshness({ kind: "closed", code: 4401, detail: "" }, 60_000, 0, null)).toMatchObject({
      tone: "critical",
      text: "Not live · as of 1 min ago",
      detail: "You are signed out. Sign in again.",
    });
    expect(freshness({ kind: "closed", code: 1007, detail: "bad text" }, 1, 0, null).detail).toBe("bad text");
    expect(freshness({ kind: "closed", code: 1007, detail: "" }, 1, 0, null).detail).toContain("Reload the page");
  });
});
