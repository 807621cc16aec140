/** Marks an attempt that needs a teacher's attention. */

import type { JSX } from "preact";
import { Badge } from "@veritas/shared/ui/index.ts";
import { ATTEMPTS } from "../../texts/attempts.ts";

export function AttentionBadge(): JSX.Element {
  return (
    <Badge tone="critical" icon="critical">
      {ATTEMPTS.attention}
    </Badge>
  );
}
