/** The link to the form for a new exam, as a button. */

import type { JSX } from "preact";
import { Icon } from "@veritas/shared/ui/index.ts";
import { OVERVIEW } from "../texts/overview.ts";

export function NewExamLink({ isPrimary = false }: { isPrimary?: boolean }): JSX.Element {
  return (
    <a class="v-button" data-variant={isPrimary ? "primary" : undefined} href="/console/exams/new">
      <Icon name="plus" /> {OVERVIEW.newExam}
    </a>
  );
}
