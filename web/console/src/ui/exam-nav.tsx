/** Links between the pages of one exam. A page that the user's permissions do not open is left out. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Permission } from "../rest/types.ts";
import { NAVIGATION } from "../texts/shell.ts";

export type ExamTab = "room" | "attempts" | "flags" | "analytics" | "setup";

/** A page is open to users with any of its permissions. */
const TABS: readonly { key: ExamTab; name: string; path: string; any: readonly Permission[] }[] = [
  { key: "room", name: NAVIGATION.room, path: "", any: ["can_view", "can_invigilate", "can_review"] },
  { key: "flags", name: NAVIGATION.review, path: "/flags", any: ["can_view", "can_review"] },
  {
    key: "attempts",
    name: NAVIGATION.attempts,
    path: "/attempts",
    any: ["can_view", "can_review", "can_view_analytics"],
  },
  { key: "analytics", name: NAVIGATION.analytics, path: "/analytics", any: ["can_view_analytics"] },
  { key: "setup", name: NAVIGATION.setup, path: "/setup", any: ["can_view", "can_edit"] },
];

interface ExamNavProps {
  examId: string;
  current: ExamTab;
  /** Null while they are not known: then all pages are linked. */
  permissions: readonly Permission[] | null;
}

export function ExamNav({ examId, current, permissions }: ExamNavProps): JSX.Element {
  const open = TABS.filter(
    ({ key, any }) =>
      permissions === null || key === current || any.some((permission) => permissions.includes(permission)),
  );
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // The bar scrolls sideways on a narrow screen; the current page has to be visible.
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [open.length]);
  return (
    <nav class="c-subnav" aria-label={NAVIGATION.thisExam} ref={bar}>
      {open.map(({ key, name, path }) => (
        <a key={key} href={`/console/exams/${examId}${path}`} aria-current={key === current ? "page" : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}
