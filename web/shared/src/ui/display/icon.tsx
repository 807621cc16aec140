// The icons, drawn on 20 × 20 in the color of the text. An icon never carries meaning alone: a word is beside it.
import type { ComponentChildren, JSX } from "preact";

const line = {
  fill: "none",
  stroke: "currentColor",
  "stroke-width": 1.7,
  "stroke-linecap": "round",
  "stroke-linejoin": "round",
} as const;

const SHAPES = {
  critical: (
    <path
      fill="currentColor"
      fill-rule="evenodd"
      d="M6.3 1.5h7.4l4.8 4.8v7.4l-4.8 4.8H6.3l-4.8-4.8V6.3zM9 5v6h2V5zm0 8v2h2v-2z"
    />
  ),
  warning: <path fill="currentColor" fill-rule="evenodd" d="M10 1.8 19 17.7H1zM9 7.5v5h2v-5zm0 6.5v2h2v-2z" />,
  normal: <circle cx="10" cy="10" r="4" fill="currentColor" />,
  info: (
    <path
      fill="currentColor"
      fill-rule="evenodd"
      d="M10 1.5a8.5 8.5 0 1 1 0 17 8.5 8.5 0 0 1 0-17M9 9v5.5h2V9zm0-3.5v2h2v-2z"
    />
  ),
  check: <path {...line} stroke-width={2.2} d="m4 10.5 4 4 8-9" />,
  close: <path {...line} d="m5 5 10 10M15 5 5 15" />,
  plus: <path {...line} d="M10 4v12M4 10h12" />,
  message: <path {...line} d="M3 4.5h14v9H9L5.5 16.5v-3H3z" />,
  clock: (
    <g {...line}>
      <circle cx="10" cy="10" r="7" />
      <path d="M10 6v4.2l2.8 1.8" />
    </g>
  ),
  search: (
    <g {...line}>
      <circle cx="9" cy="9" r="5" />
      <path d="m13 13 4 4" />
    </g>
  ),
  download: <path {...line} d="M10 3v9m-4-3.5 4 4 4-4M4 16.5h12" />,
  stop: <rect x="5" y="5" width="10" height="10" rx="1" fill="currentColor" />,
  people: (
    <g {...line}>
      <circle cx="7.5" cy="7" r="3" />
      <path d="M2 16c.6-3 2.8-4.5 5.5-4.5S12.4 13 13 16M13 4.3a3 3 0 0 1 0 5.4M15 12c1.6.7 2.6 2 3 4" />
    </g>
  ),
  left: <path {...line} d="m12 4-6 6 6 6" />,
  right: <path {...line} d="m8 4 6 6-6 6" />,
  down: <path {...line} d="m4 8 6 6 6-6" />,
  eye: (
    <g {...line}>
      <path d="M1.5 10S4.5 4.5 10 4.5 18.5 10 18.5 10 15.5 15.5 10 15.5 1.5 10 1.5 10z" />
      <circle cx="10" cy="10" r="2.5" />
    </g>
  ),
  online: <path {...line} d="M3 8.5a10 10 0 0 1 14 0M5.5 11.5a6.5 6.5 0 0 1 9 0M8.2 14.3a2.6 2.6 0 0 1 3.6 0" />,
  offline: (
    <path
      {...line}
      d="M3 3l14 14M3 8.5A10 10 0 0 1 6.5 6.2M10 5.6a10 10 0 0 1 7 2.9M5.5 11.5a6.5 6.5 0 0 1 3.5-1.8M8.2 14.3a2.6 2.6 0 0 1 3.6 0"
    />
  ),
  light: (
    <g {...line}>
      <circle cx="10" cy="10" r="3.5" />
      <path d="M10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M16 4l-1.4 1.4M5.4 14.6 4 16" />
    </g>
  ),
  dark: <path {...line} d="M16.5 12A7 7 0 0 1 8 3.5a7 7 0 1 0 8.5 8.5z" />,
  auto: (
    <g>
      <circle cx="10" cy="10" r="7" {...line} />
      <path fill="currentColor" d="M10 3a7 7 0 0 1 0 14z" />
    </g>
  ),
  menu: <path {...line} d="M3 5.5h14M3 10h14M3 14.5h14" />,
  out: <path {...line} d="M8 3.5H4v13h4M12 6.5l3.5 3.5-3.5 3.5M15.5 10H8" />,
} satisfies Record<string, ComponentChildren>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg viewBox="0 0 20 20" width={size} height={size} aria-hidden="true" focusable="false">
      {SHAPES[name]}
    </svg>
  );
}
