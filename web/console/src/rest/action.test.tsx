import { Problem } from "@veritas/shared/api.ts";
import type { JSX } from "preact";
import { act } from "preact/test-utils";
import { expect, it } from "vitest";
import { mount } from "../testing/mount.tsx";
import { type Action, type FormAction, useAction, useFormAction } from "./action.ts";

it("runs one request at a time, and keeps why it failed", async () => {
  let action: Action | undefined;
  function Probe(): JSX.Element {
    action = useAction();
    return <p>{action.failed.value}</p>;
  }
  const page = await mount(<Probe />);
  let runs = 0;
  let finish: (error: Error) => void = () => undefined;
  const work = (): Promise<void> => {
    runs += 1;
    return new Promise((_, reject) => {
      finish = reject;
    });
  };
  const first = action?.run(work);
  await action?.run(work);
  expect([runs, action?.busy.value]).toEqual([1, true]);
  await act(async () => {
    finish(new Error("The server is away."));
    await first;
  });
  expect([page.text(), action?.busy.value]).toEqual(["The server is away.", false]);
  page.unmount();
});

it("sorts the errors of a form by its fields", async () => {
  let action: FormAction | undefined;
  function Probe(): JSX.Element {
    action = useFormAction(["title"]);
    return <p>{action.errors.value.fields.get("title")}</p>;
  }
  const page = await mount(<Probe />);
  const faults = [{ path: "$.title", message: "too long" }];
  await act(async () => action?.run(() => Promise.reject(new Problem(400, "invalid", "", "", faults))));
  expect(page.text()).toBe("too long");
  page.unmount();
});
