import { describe, expect, it } from "vitest";
import type { FlagRow } from "../../board/frames.ts";
import type { NewFlag } from "../../board/live-board.ts";
import { flagRow } from "../../board/testing.ts";
import { flagsToAnnounce } from "./new-flag-announcer.ts";

const flag = (id: string, severity = "warning"): NewFlag => ({
  flag: flagRow(id, "a", { severity }) as FlagRow,
  studentId: "s",
  name: "Ada",
});
const ids = (flags: readonly NewFlag[]): string[] => flags.map((found) => found.flag.flag_id);

describe("new flags", () => {
  it("are announced once, without notes", () => {
    const flags = [flag("f3"), flag("f2", "normal"), flag("f1", "critical")];
    expect(ids(flagsToAnnounce(flags, null))).toEqual(["f3", "f1"]);
    expect(ids(flagsToAnnounce(flags, "f1"))).toEqual(["f3"]);
    expect(flagsToAnnounce(flags, "f3")).toEqual([]);
  });
});
