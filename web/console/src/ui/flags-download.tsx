/** Downloads the flags of one exam as CSV. */

import type { JSX } from "preact";
import { Button } from "@veritas/shared/ui/index.ts";
import { fileName, saveExport } from "../rest/download.ts";
import { REVIEW } from "../texts/flags.ts";

interface FlagsDownloadProps {
  examId: string;
  title: string | undefined;
}

export function FlagsDownload({ examId, title = "exam" }: FlagsDownloadProps): JSX.Element {
  const save = (): Promise<void> =>
    saveExport(`/teacher/exams/${examId}/flags.csv`, fileName(REVIEW.csvName(title), "csv"));
  return (
    <Button icon="download" onClick={() => void save()}>
      {REVIEW.csv}
    </Button>
  );
}
