/** The codes of new students, to print or to download. They are shown once: the hub stores only their hashes. */

import type { JSX } from "preact";
import { Button } from "@veritas/shared/ui/index.ts";
import { fileName, saveFile } from "../../rest/download.ts";
import type { ExamView, StudentCode } from "../../rest/types.ts";
import { CODES } from "../../texts/roster.ts";
import { writeCsvLine } from "./csv.ts";

interface CodesProps {
  exam: ExamView;
  codes: readonly StudentCode[];
  onClose: () => void;
}

export function Codes({ exam, codes, onClose }: CodesProps): JSX.Element {
  const address = `${location.host}/exam`;
  const download = (): void => {
    const rows = codes.map(({ username, name, code }) => [username, name, code ?? CODES.kept]);
    const lines = [["username", "name", "code"], ...rows];
    // Spreadsheets read a file as UTF-8 only with a byte order mark.
    const csv = `\uFEFF${lines.map(writeCsvLine).join("\r\n")}\r\n`;
    saveFile(fileName(CODES.fileName(exam.title), "csv"), new Blob([csv], { type: "text/csv" }));
  };
  return (
    <section class="v-card v-stack c-codes" aria-labelledby="codes">
      <div class="v-spread">
        <div>
          <h2 id="codes">{CODES.title(exam.title)}</h2>
          <p class="v-soft c-screen-only">{CODES.about(address)}</p>
        </div>
        <div class="v-row-s c-screen-only">
          <Button icon="download" onClick={download}>
            {CODES.download}
          </Button>
          <Button onClick={() => print()}>{CODES.print}</Button>
          <Button variant="quiet" onClick={onClose}>
            {CODES.close}
          </Button>
        </div>
      </div>
      <ul class="c-slips">
        {codes.map(({ student_id: id, name, username, code }) => (
          <li key={id}>
            <bdi class="v-strong">{name}</bdi>
            <bdi class="v-soft v-small">{username}</bdi>
            {code === null ? <span class="v-soft">{CODES.kept}</span> : <span class="c-code v-mono">{code}</span>}
            <span class="c-print-only v-small">
              <bdi>{exam.title}</bdi> · {address}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
