/** The pages of one exam, side by side; only those its permissions open. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Permission } from "../rest/types.ts";

export type ExamTab = "room" | "attempts" | "flags" | "analytics" | "setup";

const TABS: readonly { key: ExamTab; name: string; path: string; any: readonly Permission[] }[] = [
  { key: "room", name: "Room", path: "", any: ["can_view", "can_invigilate", "can_review"] },
  { key: "flags", name: "Review", path: "/flags", any: ["can_view", "can_review"] },
  { key: "attempts", name: "Attempts", path: "/attempts", any: ["can_view", "can_review", "can_view_analytics"] },
  { key: "analytics", name: "Analytics", path: "/analytics", any: ["can_view_analytics"] },
  { key: "setup", name: "Setup", path: "/setup", any: ["can_view", "can_edit"] },
];

export function ExamNav({
  examId,
  at,
  may,
}: {
  examId: string;
  at: ExamTab;
  may: readonly Permission[] | null;
}): JSX.Element {
  const open = TABS.filter((tab) => may === null || tab.key === at || tab.any.some((one) => may.includes(one)));
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a narrow screen the bar is swiped; where one is must be in sight.
    bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [open.length]);
  return (
    <nav class="c-subnav" aria-label="This exam" ref={bar}>
      {open.map((tab) => (
        <a
          key={tab.key}
          href={`/console/exams/${examId}${tab.path}`}
          aria-current={tab.key === at ? "page" : undefined}
        >
          {tab.name}
        </a>
      ))}
    </nav>
  );
}
