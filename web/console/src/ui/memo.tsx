/**
 * Draws a component again only if its properties look different. `memo` of preact/compat does the same, but it adds more
 * than 3 kB to the page (docs/decisions/0028-libraries-of-the-pages.md).
 */

import { Component, type ComponentType, createElement, type FunctionComponent, type VNode } from "preact";

export function memo<P>(Inner: FunctionComponent<P>, isSame: (before: P, after: P) => boolean): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return !isSame(this.props, next);
    }

    override render(): VNode {
      return createElement(Inner as FunctionComponent<object>, this.props as object);
    }
  };
}
