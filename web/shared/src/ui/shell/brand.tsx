// The logo and name of a page, as a link.
import type { JSX } from "preact";

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
