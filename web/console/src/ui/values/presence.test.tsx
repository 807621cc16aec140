import { render } from "preact";
import { expect, it } from "vitest";
import { now } from "../../state.ts";
import { Presence } from "./presence.tsx";

function textOf(...[props]: Parameters<typeof Presence>): string {
  const host = document.createElement("div");
  render(<Presence {...props} />, host);
  return host.textContent ?? "";
}

it("says for how long a connected student has sent nothing new, after 25 s", () => {
  expect(textOf({ state: "connected", seenAt: now.value - 40_000 })).toContain("nothing new for");
  expect(textOf({ state: "connected", seenAt: now.value - 20_000 })).toBe("Connected");
});
