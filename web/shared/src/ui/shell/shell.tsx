// The frame of every page: skip link, bar, main region, live regions.
import type { ComponentChildren, JSX } from "preact";
import { texts } from "../../texts.ts";
import { Announcer } from "../overlay/announcer.tsx";
import { Brand } from "./brand.tsx";
import { ThemeSwitch } from "./theme-switch.tsx";

interface ShellProps {
  brand: { href: string; name: string };
  /** Links as <a>; the link of the current page has aria-current="page". */
  nav?: ComponentChildren;
  /** The end of the bar: a clock, or the signed-in user. */
  end?: ComponentChildren;
  onClick?: (event: MouseEvent) => void;
  children: ComponentChildren;
}

export function Shell({ brand, nav, end, onClick, children }: ShellProps): JSX.Element {
  return (
    <div {...(onClick === undefined ? {} : { onClick })}>
      <a class="v-skip" href="#main">
        {texts.skipToContent}
      </a>
      <header class="v-bar">
        <Brand {...brand} />
        {nav !== undefined && (
          <nav class="v-nav" aria-label={texts.mainNavigation}>
            {nav}
          </nav>
        )}
        <div class="v-grow" />
        <div class="v-row-s">
          {end}
          <ThemeSwitch />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Announcer />
    </div>
  );
}
