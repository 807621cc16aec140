import { expect, it } from "vitest";
import { ANALYSIS } from "../../testing/data.ts";
import { mount } from "../../testing/mount.tsx";
import { Originality, Summary } from "./analysis-summary.tsx";

it("shows a summary of the rules", async () => {
  const page = await mount(<Summary analysis={ANALYSIS} />);
  expect(page.text()).toContain("written from the flags, by template");
  expect(page.text()).toContain("Talk about focus. (cites 1 event)");
  expect(page.text()).toContain("This exam uses no language model.");
  page.unmount();
});

it("warns that a model can be wrong", async () => {
  const analysis = { ...ANALYSIS, llm_model_version: "model-1", model_state: "done", llm_summary: "" } as const;
  const page = await mount(<Summary analysis={analysis as never} />);
  expect(page.text()).toContain("written by a program: model-1");
  expect(page.text()).toContain("A language model can be wrong.");
  expect(page.text()).toContain("There is no summary yet.");
  page.unmount();
});

it("lists what the model noticed about originality, if anything", async () => {
  const page = await mount(<Originality indicators={["Two answers are alike."]} />);
  expect(page.text()).toBe("OriginalityTwo answers are alike.");
  page.unmount();
  const empty = await mount(<Originality indicators={[]} />);
  expect(empty.text()).toBe("");
  empty.unmount();
});
