/** The links in the bar. Administrators get two more. */

import type { JSX } from "preact";
import { path } from "@veritas/shared/route.ts";
import { NAVIGATION } from "../texts/shell.ts";

const LINKS: readonly (readonly [href: string, name: string])[] = [
  ["/console", NAVIGATION.overview],
  ["/console/exams", NAVIGATION.exams],
  ["/console/flagged", NAVIGATION.flaggedStudents],
];
const ADMIN_LINKS: typeof LINKS = [
  ["/console/users", NAVIGATION.users],
  ["/console/audit", NAVIGATION.audit],
];

/** How a link relates to the current page: it is this page, the page is below it, or neither. */
export function currentness(href: string, current: string): "page" | "true" | undefined {
  if (current === href || current === `${href}/`) return "page";
  return href !== "/console" && current.startsWith(`${href}/`) ? "true" : undefined;
}

export function Navigation({ isAdmin }: { isAdmin: boolean }): JSX.Element {
  return (
    <>
      {[...LINKS, ...(isAdmin ? ADMIN_LINKS : [])].map(([href, name]) => (
        <a key={href} href={href} aria-current={currentness(href, path.value)}>
          {name}
        </a>
      ))}
    </>
  );
}
