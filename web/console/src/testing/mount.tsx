/** Draws components for tests, and finds and uses their elements as a user does. It must never be part of a page. */

import { type JSX, render } from "preact";
import { act } from "preact/test-utils";
import { vi } from "vitest";
import { api } from "../state.ts";

export interface Mounted {
  readonly host: HTMLElement;
  readonly text: () => string;
  /** The first button, link or summary with this accessible name. */
  readonly button: (name: string) => HTMLButtonElement;
  /** The field with this label. */
  readonly field: (label: string) => HTMLInputElement;
  readonly click: (name: string) => Promise<void>;
  readonly type: (label: string, value: string) => Promise<void>;
  /** Submit the first form. */
  readonly submit: () => Promise<void>;
  readonly unmount: () => void;
}

/** Let promises and effects finish. */
export async function settle(): Promise<void> {
  await act(async () => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  });
}

function nameOf(element: Element): string {
  return (element.getAttribute("aria-label") ?? element.textContent ?? "").trim();
}

function required<E>(element: E | null | undefined, what: string): E {
  if (element === null || element === undefined) throw new Error(`there is no ${what}`);
  return element;
}

function findField(host: HTMLElement, label: string): HTMLInputElement {
  const isNamed = (element: Element | null): boolean => element?.textContent?.trim() === label;
  const labels = [...host.querySelectorAll("label")].filter(
    (found) => isNamed(found) || isNamed(found.querySelector("span")),
  );
  const id = labels[0]?.getAttribute("for") ?? null;
  const byLabel =
    id === null ? labels[0]?.querySelector("input, select, textarea") : host.querySelector(`[id="${id}"]`);
  const found = byLabel ?? host.querySelector(`[aria-label="${label}"]`);
  return required(found, `field “${label}”`) as HTMLInputElement;
}

/** Draw a component into the page. */
export async function mount(element: JSX.Element): Promise<Mounted> {
  const host = document.createElement("div");
  document.body.append(host);
  await act(() => render(element, host));
  await settle();
  const button = (name: string): HTMLButtonElement =>
    required(
      [...host.querySelectorAll<HTMLButtonElement>("button, a, summary")].find((found) => nameOf(found) === name),
      `button “${name}”`,
    );
  return {
    host,
    text: () => host.textContent ?? "",
    button,
    field: (label) => findField(host, label),
    async click(name) {
      button(name).click();
      await settle();
    },
    async type(label, value) {
      const field = findField(host, label);
      field.value = value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
      await settle();
    },
    async submit() {
      required(host.querySelector("form"), "form").dispatchEvent(
        new Event("submit", { bubbles: true, cancelable: true }),
      );
      await settle();
    },
    unmount() {
      void act(() => render(null, host));
      host.remove();
    },
  };
}

/** Answer GET requests: the value of the longest key with which the path begins. Others fail. */
export function respond(responses: Readonly<Record<string, unknown>>): ReturnType<typeof vi.spyOn> {
  const keys = Object.keys(responses).sort((a, b) => b.length - a.length);
  return vi.spyOn(api, "get").mockImplementation(async (path: string) => {
    const key = keys.find((start) => path.startsWith(start));
    if (key === undefined) throw new Error(`unexpected GET ${path}`);
    const response = responses[key];
    if (response instanceof Error) throw response;
    return response as never;
  });
}
