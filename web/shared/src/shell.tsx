// The frame of every page: skip link, bar with brand, navigation and theme switch, the main region, live regions.
import type { ComponentChildren, JSX } from "preact";
import { Icon } from "./icons.tsx";
import { chooseTheme, theme, type Theme } from "./theme.ts";
import { Announcer, Button } from "./ui.tsx";

export function Brand({ href, name }: { href: string; name: string }): JSX.Element {
  return (
    <a class="v-brand" href={href}>
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="7" fill="#0f5c6b" />
        <path
          d="M8 9.5 15 23h2l7-13.5"
          fill="none"
          stroke="#fff"
          stroke-width="3.2"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
        <circle cx="16" cy="9.5" r="2.2" fill="#7fd6df" />
      </svg>
      {name}
    </a>
  );
}

const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
const WORDS: Record<Theme, string> = { auto: "as the system", light: "light", dark: "dark" };

export function ThemeSwitch(): JSX.Element {
  const now = theme.value;
  return <Button variant="quiet" icon={now} label={`Theme: ${WORDS[now]}`} onClick={() => chooseTheme(NEXT[now])} />;
}

interface ShellProps {
  brand: { href: string; name: string };
  /** Links, as <a>; the one of this page has aria-current="page". */
  nav?: ComponentChildren;
  /** What stands at the end of the bar: a clock, who is signed in. */
  end?: ComponentChildren;
  onClick?: (event: MouseEvent) => void;
  children: ComponentChildren;
}

export function Shell({ brand, nav, end, onClick, children }: ShellProps): JSX.Element {
  return (
    <div {...(onClick === undefined ? {} : { onClick })}>
      <a class="v-skip" href="#main">
        Skip to the content
      </a>
      <header class="v-bar">
        <Brand {...brand} />
        {nav !== undefined && (
          <nav class="v-nav" aria-label="Main">
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

/** Who is signed in, and the way out. */
export function SignedInAs({ name, onLogout }: { name: string; onLogout: () => void }): JSX.Element {
  return (
    <>
      <span class="v-soft v-small v-truncate">{name}</span>
      <Button variant="quiet" size="small" onClick={onLogout}>
        <Icon name="out" size={16} /> Sign out
      </Button>
    </>
  );
}
