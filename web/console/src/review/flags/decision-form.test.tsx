import { expect, it } from "vitest";
import { FLAG } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { DecisionForm } from "./decision-form.tsx";
import type { Decide } from "./decisions.ts";

it("asks for a reason before it sends a decision", async () => {
  const sent: unknown[] = [];
  const decide: Decide = async (flag, decision, reason) => {
    sent.push([flag.status, decision, reason]);
    return null;
  };
  const page = await mount(<DecisionForm flag={FLAG} decide={decide} />);
  await page.click("Dismiss");
  expect(page.button("Dismiss").disabled).toBe(true);
  await page.type("Dismiss: why?", " The formula sheet was permitted. ");
  await page.submit();
  expect(sent).toEqual([["open", "dismissed", "The formula sheet was permitted."]]);
  expect(page.button("Escalate")).toBeDefined();
  page.unmount();
});

it("keeps the reason when the decision is refused", async () => {
  const page = await mount(<DecisionForm flag={FLAG} decide={async () => "Grace was first."} />);
  await page.click("Confirm");
  await page.type("Confirm: why?", "Seen.");
  await page.submit();
  expect(page.text()).toContain("Grace was first.");
  expect(page.field("Confirm: why?").value).toBe("Seen.");
  await page.click("Cancel");
  expect(page.button("Confirm")).toBeDefined();
  page.unmount();
});

it("is not shown for a withdrawn flag", async () => {
  const page = await mount(<DecisionForm flag={{ ...FLAG, status: "withdrawn" }} decide={async () => null} />);
  expect(page.text()).toBe("");
  page.unmount();
});
