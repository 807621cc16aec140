/** The frame of one page: its title in the tab and as the heading, links to parent pages, and its actions. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { COMMON } from "../texts/shell.ts";

interface PageProps {
  title: string;
  /** Links to the parent pages, the outermost first. */
  parents?: readonly (readonly [href: string, name: string])[];
  actions?: ComponentChildren;
  /** Below the heading: badges, a line about the page. */
  about?: ComponentChildren;
  wide?: boolean;
  children: ComponentChildren;
}

export function Page({ title, parents, actions, about, wide, children }: PageProps): JSX.Element {
  useEffect(() => {
    document.title = title === COMMON.product ? title : `${title} · ${COMMON.product}`;
  }, [title]);
  return (
    <div class={wide ? "v-page c-wide" : "v-page"}>
      <div class="v-stack">
        <div class="c-head">
          <div class="v-stack-s v-grow">
            {parents !== undefined && <Breadcrumbs links={parents} />}
            <h1 dir="auto">{title}</h1>
            {about}
          </div>
          {actions !== undefined && <div class="v-row-s">{actions}</div>}
        </div>
        {children}
      </div>
    </div>
  );
}

function Breadcrumbs({ links }: { links: readonly (readonly [href: string, name: string])[] }): JSX.Element {
  return (
    <nav aria-label={COMMON.parentPages}>
      <ol class="v-crumbs">
        {links.map(([href, name]) => (
          <li key={href}>
            <a href={href} dir="auto">
              {name}
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}
