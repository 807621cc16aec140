// A severity, shown by shape (octagon, triangle, dot) and word.
import type { JSX } from "preact";
import { texts } from "../../texts.ts";
import { Badge } from "./badge.tsx";

const TONES = { critical: "critical", warning: "warning", normal: "neutral" } as const;

/** With `count`, the number of flags of this severity. */
export function Severity({ of, count }: { of: string; count?: number }): JSX.Element {
  const name = of === "critical" || of === "warning" ? of : "normal";
  const { name: word, count: counted } = texts.severity[name];
  return (
    <Badge tone={TONES[name]} icon={name}>
      {count === undefined ? word : counted(count)}
    </Badge>
  );
}
