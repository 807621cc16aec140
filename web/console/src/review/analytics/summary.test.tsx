import { expect, it } from "vitest";
import { ANALYTICS } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { Summary } from "./summary.tsx";

it("shows a dash and the reason where there is no average", async () => {
  const none = { average_score: null, pass_rate: null, average_integrity: null, average_lmi: null };
  const data = { ...ANALYTICS, analytics: { ...ANALYTICS.analytics, ...none, flagged: 2 } };
  const page = await mount(<Summary data={data} />);
  expect(page.text()).toContain("2 attempts need attention");
  expect(page.text()).toContain("Average score–nothing graded yet");
  expect(page.text()).toContain("Average integrity–not enough covered");
  expect(page.text()).toContain("Average writing progress–too few drafts");
  page.unmount();
});
