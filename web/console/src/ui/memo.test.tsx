import { type JSX, render } from "preact";
import { expect, it } from "vitest";
import { memo } from "./memo.tsx";

it("draws a component again only if its properties look different", () => {
  const drawn: string[] = [];
  function Name({ name }: { name: string; clicks: number }): JSX.Element {
    drawn.push(name);
    return <b>{name}</b>;
  }
  const Memo = memo(Name, (before, after) => before.name === after.name);
  const host = document.createElement("div");
  render(<Memo name="Ada" clicks={1} />, host);
  render(<Memo name="Ada" clicks={2} />, host);
  render(<Memo name="Ben" clicks={2} />, host);
  expect(drawn).toEqual(["Ada", "Ben"]);
  expect(host.textContent).toBe("Ben");
});
