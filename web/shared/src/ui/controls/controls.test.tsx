import { useSignal } from "@preact/signals";
import { afterEach, expect, test, vi } from "vitest";
import { button, click, mount, unmountAll, update } from "../testing.ts";
import { Button } from "./button.tsx";
import { Check } from "./check.tsx";
import { Field } from "./field.tsx";
import { Tabs } from "./tabs.tsx";

afterEach(unmountAll);

test("a busy button stays in the tab order and ignores clicks", () => {
  const onClick = vi.fn();
  const root = mount(
    <>
      <Button onClick={onClick}>Go</Button>
      <Button busy onClick={onClick}>
        Busy
      </Button>
    </>,
  );
  click(root, "Go");
  click(root, "Busy");
  expect(onClick).toHaveBeenCalledOnce();
  expect(button(root, "Busy").disabled).toBe(false);
  expect(button(root, "Busy").getAttribute("aria-busy")).toBe("true");
});

test("a button with an icon only has a name", () => {
  const root = mount(<Button icon="close" label="Close" />);
  expect(button(root, "Close").title).toBe("Close");
});

test("a field connects its control with label, help and error", () => {
  const root = mount(
    <Field label="Name" help="As on your card." error="Enter a name.">
      {(control) => <input {...control} />}
    </Field>,
  );
  const input = root.querySelector("input") as HTMLInputElement;
  expect(root.querySelector("label")?.htmlFor).toBe(input.id);
  const described = (input.getAttribute("aria-describedby") ?? "").split(" ");
  expect(described.map((id) => document.getElementById(id)?.textContent?.trim())).toEqual([
    "As on your card.",
    "Enter a name.",
  ]);
  expect(input.getAttribute("aria-invalid")).toBe("true");
});

test("a field without help and error refers to nothing", () => {
  const root = mount(<Field label="Name">{(control) => <input {...control} />}</Field>);
  expect(root.querySelector("input")?.hasAttribute("aria-describedby")).toBe(false);
});

test("a check reports its new state", () => {
  const onChange = vi.fn();
  const root = mount(
    <Check checked={false} onChange={onChange}>
      I agree
    </Check>,
  );
  update(() => root.querySelector("input")?.click());
  expect(onChange).toHaveBeenCalledWith(true);
});

const TABS = [
  { key: "a", title: "First" },
  { key: "b", title: "Second" },
  { key: "c", title: "Third" },
] as const;

function Tabbed() {
  const selected = useSignal<"a" | "b" | "c">("a");
  return (
    <Tabs label="Parts" tabs={TABS} selected={selected.value} onSelect={(key) => (selected.value = key)}>
      {selected.value}
    </Tabs>
  );
}

test("arrow keys, Home and End select tabs and move the focus", () => {
  const root = mount(<Tabbed />);
  const press = (key: string) =>
    update(() => {
      const event = new KeyboardEvent("keydown", { key, bubbles: true });
      root.querySelector('[aria-selected="true"]')?.dispatchEvent(event);
    });
  const selected = () => root.querySelector('[aria-selected="true"]')?.textContent;
  for (const [key, title] of [
    ["ArrowRight", "Second"],
    ["End", "Third"],
    ["ArrowRight", "First"],
    ["ArrowLeft", "Third"],
    ["Home", "First"],
    ["x", "First"],
  ] as const) {
    press(key);
    expect([key, selected()]).toEqual([key, title]);
  }
  press("End");
  expect(document.activeElement?.textContent).toBe("Third");
  expect(root.querySelector('[role="tabpanel"]')?.textContent).toBe("c");
});
