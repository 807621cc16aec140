import { expect, it } from "vitest";
import { ANALYSIS, MONITORING } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { AnalysisScores } from "./analysis-scores.tsx";

it("shows each score with its basis", async () => {
  const page = await mount(<AnalysisScores analysis={ANALYSIS} page={MONITORING} />);
  for (const text of [
    "Computed from flags that count: needs attention.",
    "Writing progress70of 100: the share of drafts that made progress, rising.",
    "Confidence 80 %.",
    "Recorded263 events cited by flags · a recap may help",
  ]) {
    expect(page.text()).toContain(text);
  }
  page.unmount();
});

it("shows no number without enough data", async () => {
  const analysis = {
    ...ANALYSIS,
    integrity_score: null,
    lmi_score: null,
    dropout_label: null,
    dropout_confidence: null,
  };
  const page = await mount(<AnalysisScores analysis={analysis} page={MONITORING} />);
  expect(page.text()).toContain("Less than half of the attempt is covered.");
  expect(page.text()).toContain("Fewer than two drafts were saved.");
  expect(page.text()).toContain("Too little of the attempt is covered");
  page.unmount();
});
