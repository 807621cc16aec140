// Renders components for tests. It must never be part of a page.
import { type ComponentChild, render } from "preact";
import { act } from "preact/test-utils";

/** Render a view into the document, with its effects. */
export function mount(view: ComponentChild): HTMLElement {
  const root = document.createElement("div");
  document.body.append(root);
  void act(() => render(view, root));
  return root;
}

/** Remove everything that was mounted. */
export function unmountAll(): void {
  for (const root of [...document.body.children]) void act(() => render(null, root));
  document.body.replaceChildren();
}

/** Do something, and render what it changes. */
export function update(change: () => void): void {
  void act(change);
}

/** Return the button with this text or label. */
export function button(root: ParentNode, name: string): HTMLButtonElement {
  const named = [...root.querySelectorAll("button")].find(
    (found) => (found.getAttribute("aria-label") ?? found.textContent?.trim()) === name,
  );
  if (named === undefined) throw new Error(`there is no button ${name}`);
  return named;
}

export function click(root: ParentNode, name: string): void {
  update(() => button(root, name).click());
}
