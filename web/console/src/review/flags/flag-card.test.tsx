import { expect, it } from "vitest";
import { FLAG } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { FlagCard } from "./flag-card.tsx";

it("shows what a flag says, and its evidence on request", async () => {
  const page = await mount(<FlagCard flag={FLAG} full={FLAG} decide={null} />);
  expect(page.text()).toContain("Left the page");
  expect(page.text()).toContain("Left the page 3 times.");
  expect(page.text()).not.toContain("Cited events");
  await page.click("Show the evidence");
  expect(page.text()).toContain("Cited events");
  page.unmount();
});

it("names the source and the reviewer", async () => {
  const flag = { ...FLAG, source: "service", status: "confirmed", reviewed_by: "Grace", reason: "Seen." } as const;
  const page = await mount(<FlagCard flag={flag} decide={null} level={3} />);
  expect(page.text()).toContain("Reported by an external service. It never changes a score.");
  expect(page.text()).toContain("by Grace: “Seen.”");
  expect(page.host.querySelector("h3")?.textContent).toBe("Left the page");
  page.unmount();
});
