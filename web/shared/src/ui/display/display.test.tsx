import { afterEach, expect, test } from "vitest";
import { mount, unmountAll } from "../testing.ts";
import { Empty } from "./empty.tsx";
import { Icon } from "./icon.tsx";
import { Meter } from "./meter.tsx";
import { Notice } from "./notice.tsx";
import { Severity } from "./severity.tsx";
import { Table } from "./table.tsx";

afterEach(unmountAll);

test.each([
  [{ of: "critical" }, "Critical"],
  [{ of: "warning", count: 1 }, "1 warning"],
  [{ of: "warning", count: 2 }, "2 warnings"],
  [{ of: "unknown", count: 0 }, "0 notes"],
])("the severity %j is shown as %s", (props, text) => {
  expect(mount(<Severity {...props} />).textContent).toBe(text);
});

test("a meter shows its share, within its limits", () => {
  const meter = mount(<Meter value={1.2} label="Coverage" />).querySelector('[role="meter"]');
  expect(meter?.getAttribute("aria-valuenow")).toBe("100");
  expect(meter?.getAttribute("aria-valuetext")).toBe("100 %");
});

test("a meter without a value says so", () => {
  const root = mount(<Meter value={null} label="Coverage" />);
  expect(root.querySelector('[role="meter"]')).toBeNull();
  expect(root.textContent).toBe("Not enough data");
});

test("a notice has a role only where it is announced", () => {
  const root = mount(
    <>
      <Notice>Info</Notice>
      <Notice tone="critical" role="alert">
        Lost
      </Notice>
    </>,
  );
  expect(root.querySelectorAll("[role]")).toHaveLength(1);
  expect(root.querySelector('[role="alert"]')?.textContent).toBe("Lost");
});

test("icons are hidden from screen readers", () => {
  expect(
    mount(<Icon name="clock" />)
      .querySelector("svg")
      ?.getAttribute("aria-hidden"),
  ).toBe("true");
});

test("a table has its caption as its name, and an empty list says what is missing", () => {
  const root = mount(
    <>
      <Table caption="Events" head={<tr />} hideCaption>
        <tr />
      </Table>
      <Empty title="No exams">Create one.</Empty>
    </>,
  );
  expect(root.querySelector('[role="region"]')?.getAttribute("aria-label")).toBe("Events");
  expect(root.textContent).toContain("No examsCreate one.");
});
